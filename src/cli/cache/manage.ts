import { z } from "zod";
import type { Flags } from "../../config/load.ts";
import { shellCommand } from "../../version.ts";
import { type CliContext, EXIT } from "../context.ts";
import type { GatewayClient } from "../gateway-client.ts";
import { reachRunning } from "../reach-gateway.ts";
import { formatTable } from "../table.ts";
import { formatBytes } from "../units.ts";

const PATH = "/admin/cache";
const TIMEOUT_MS = 10_000;

const statsSchema = z.object({
  entries: z.number(),
  bytes: z.number(),
  max_bytes: z.number(),
  hits: z.number(),
  semantic_hits: z.number(),
  misses: z.number(),
  collapsed: z.number(),
  bypassed: z.number(),
  warm_up: z.object({ waiting: z.number(), answers: z.number(), prefixes: z.number() }),
  shared: z.object({ up: z.boolean(), hits: z.number(), misses: z.number() }).optional(),
});
const warmedSchema = z.object({ presets: z.array(z.string()) });
const clearedSchema = z.object({
  deleted: z.number(),
  shared: z.object({ deleted: z.number(), complete: z.boolean() }).optional(),
});

/** `sluice cache stats`: prints the statistics of a running gateway's cache. Throws a ConfigError, or a CommandError if there is no gateway. */
export async function cacheStats(flags: Flags, context: CliContext): Promise<number> {
  const stats = statsSchema.parse(await reach(flags, context).get(PATH));
  if (flags.json === true) {
    context.stdout.write(`${JSON.stringify(stats, null, 2)}\n`);
    return EXIT.done;
  }
  const { entries, bytes, max_bytes: maxBytes, hits, semantic_hits: semantic, misses, collapsed, bypassed } = stats;
  const memory = [entries, formatBytes(bytes), formatBytes(maxBytes)];
  const row = [...memory, hits, semantic, misses, collapsed, bypassed, stats.warm_up.waiting].map(String);
  const heading = ["ANSWERS", "MEMORY", "AT MOST", "HITS", "SEMANTIC", "MISSES", "SHARED", "BYPASSED", "TO WARM"];
  context.stdout.write(formatTable([heading, row], [0, 1, 2, 3, 4, 5, 6, 7, 8]));
  if (stats.shared !== undefined) {
    const { up, hits, misses } = stats.shared;
    context.stdout.write(`Redis ${up ? "is available" : "is unavailable now"}: ${hits} hits, ${misses} misses.\n`);
  }
  return EXIT.done;
}

/** `sluice cache clear`: empties the cache of a running gateway. Throws the same errors as `cacheStats`. */
export async function cacheClear(flags: Flags, context: CliContext): Promise<number> {
  const query = new URLSearchParams();
  for (const name of ["model", "key", "preset"]) {
    const value = flags[name];
    if (typeof value === "string") query.set(name, value);
  }
  const cleared = clearedSchema.parse(await reach(flags, context).remove(`${PATH}?${query}`));
  const { deleted, shared } = cleared;
  const exitCode = shared?.complete === false ? EXIT.failed : EXIT.done;
  if (flags.json === true) {
    context.stdout.write(`${JSON.stringify(cleared, null, 2)}\n`);
    return exitCode;
  }
  context.stderr.write(`${countAnswers(deleted)} removed.\n`);
  if (shared !== undefined) context.stderr.write(`${countAnswers(shared.deleted)} removed from Redis.\n`);
  if (shared?.complete === false) {
    context.stderr.write("Some answers may remain in Redis: it is unavailable or too slow. Try again later.\n");
  }
  return exitCode;
}

function countAnswers(count: number): string {
  return `${count} ${count === 1 ? "answer was" : "answers were"}`;
}

/** `sluice cache warm`: makes a running gateway warm its presets, without waiting for it. Throws the same errors as `cacheStats`. */
export async function cacheWarm(flags: Flags, context: CliContext): Promise<number> {
  const query = new URLSearchParams(typeof flags.preset === "string" ? { preset: flags.preset } : {});
  const { presets } = warmedSchema.parse(await reach(flags, context).post(`${PATH}/warm?${query}`, {}));
  const many = `${presets.length} ${presets.length === 1 ? "preset is" : "presets are"}`;
  if (flags.json === true) context.stdout.write(`${JSON.stringify({ presets }, null, 2)}\n`);
  else
    context.stderr.write(
      `${many} being warmed while the gateway is idle. \`${shellCommand("cache stats")}\` shows how many are left.\n`,
    );
  return EXIT.done;
}

function reach(flags: Flags, context: CliContext): GatewayClient {
  return reachRunning(flags, context, AbortSignal.timeout(TIMEOUT_MS));
}
