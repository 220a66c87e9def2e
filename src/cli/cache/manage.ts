import { z } from "zod";
import { ADMIN_KEY_VARIABLE } from "../../config/environment.ts";
import { type Flags, loadConfig } from "../../config/load.ts";
import type { Config } from "../../config/schema.ts";
import { type CliContext, EXIT } from "../context.ts";
import { CommandError } from "../errors.ts";
import { formatTable } from "../table.ts";
import { formatBytes } from "../units.ts";

const PATH = "/admin/cache";
const TIMEOUT_MS = 10_000;

const statsSchema = z.object({
  entries: z.number(),
  bytes: z.number(),
  max_bytes: z.number(),
  hits: z.number(),
  misses: z.number(),
  collapsed: z.number(),
  bypassed: z.number(),
});
const clearedSchema = z.object({ deleted: z.number() });
const refusalSchema = z.object({ error: z.object({ message: z.string() }) });

/** `sluice cache stats`: what the cache of a running gateway holds and has done. Throws a ConfigError, and a CommandError where it can't be asked. */
export async function cacheStats(flags: Flags, context: CliContext): Promise<number> {
  const stats = statsSchema.parse(await ask("GET", new URLSearchParams(), flags, context));
  if (flags.json === true) {
    context.stdout.write(`${JSON.stringify(stats, null, 2)}\n`);
    return EXIT.done;
  }
  const { entries, bytes, max_bytes: maxBytes, hits, misses, collapsed, bypassed } = stats;
  const row = [entries, formatBytes(bytes), formatBytes(maxBytes), hits, misses, collapsed, bypassed].map(String);
  const heading = ["ANSWERS", "MEMORY", "AT MOST", "HITS", "MISSES", "SHARED", "BYPASSED"];
  context.stdout.write(formatTable([heading, row], [0, 1, 2, 3, 4, 5, 6]));
  return EXIT.done;
}

/** `sluice cache clear`: has a running gateway forget its answers. Throws as `cacheStats` does. */
export async function cacheClear(flags: Flags, context: CliContext): Promise<number> {
  const query = new URLSearchParams();
  if (typeof flags.model === "string") query.set("model", flags.model);
  if (typeof flags.key === "string") query.set("key", flags.key);
  const { deleted } = clearedSchema.parse(await ask("DELETE", query, flags, context));
  if (flags.json === true) context.stdout.write(`${JSON.stringify({ deleted }, null, 2)}\n`);
  else context.stderr.write(`${deleted} ${deleted === 1 ? "answer was" : "answers were"} forgotten.\n`);
  return EXIT.done;
}

async function ask(
  method: "GET" | "DELETE",
  query: URLSearchParams,
  flags: Flags,
  { env, cwd }: CliContext,
): Promise<unknown> {
  const { config } = loadConfig({ flags, env, cwd });
  const url = typeof flags.url === "string" ? flags.url : urlOf(config);
  const secret = env[ADMIN_KEY_VARIABLE];
  const response = await fetchFrom(`${url.replace(/\/+$/, "")}${PATH}?${query}`, {
    method,
    headers: secret === undefined ? {} : { authorization: `Bearer ${secret}` },
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  const body: unknown = await response.json().catch(() => undefined);
  if (response.ok) return body;
  const refusal = refusalSchema.safeParse(body);
  const hint = secret === undefined ? ` An admin's key goes into ${ADMIN_KEY_VARIABLE}.` : "";
  throw new CommandError(`${refusal.data?.error.message ?? `The gateway answered with ${response.status}.`}${hint}`);
}

async function fetchFrom(url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch (error) {
    throw new CommandError(
      `No gateway answers at ${URL.canParse(url) ? new URL(url).origin : url}. Start one, or name its URL with --url, or its --host and --port.`,
      { cause: error },
    );
  }
}

/** Where a gateway with these settings is reached from its own machine. */
function urlOf({ host, port }: Config): string {
  const reached = host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host;
  return `http://${reached.includes(":") ? `[${reached}]` : reached}:${port}`;
}
