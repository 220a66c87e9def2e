import { z } from "zod";
import type { Flags } from "../config/load.ts";
import { type CliContext, EXIT } from "./context.ts";
import { type CommandError, NoGatewayError } from "./errors.ts";
import { reachRunning } from "./reach-gateway.ts";

/** Upstreams that are new are asked for their models first. */
const TIMEOUT_MS = 60_000;

const names = z.object({ added: z.array(z.string()), removed: z.array(z.string()), changed: z.array(z.string()) });

const change = z.object({ setting: z.string(), from: z.unknown().optional(), to: z.unknown().optional() });

const reportSchema = z.object({
  changed: z.boolean(),
  settings: z.array(change),
  ...{ models: names, upstreams: names, aliases: names, routes: names, presets: names, keys: names },
  needs_restart: z.array(change.extend({ model: z.string().optional() })),
  // Gateways of earlier versions have none.
  warnings: z.array(z.string()).default([]),
});

type Report = z.infer<typeof reportSchema>;

/** `sluice reload`: has a running gateway read its settings again, and prints what has changed. Throws a CommandError if it refuses them. */
export async function reload(flags: Flags, context: CliContext): Promise<number> {
  const { stdout } = context;
  const client = reachRunning(flags, context, AbortSignal.timeout(TIMEOUT_MS));
  const report = reportSchema.parse(
    await client.post("/admin/reload", {}).catch((error: unknown) => {
      throw error instanceof NoGatewayError && typeof flags.url !== "string" ? explainAddress(error) : error;
    }),
  );
  stdout.write(flags.json === true ? `${JSON.stringify(report, null, 2)}\n` : describeReload(report));
  return EXIT.done;
}

/** The settings may have another address than the gateway that was started with them. */
function explainAddress(error: NoGatewayError): CommandError {
  return new NoGatewayError(
    `${error.message} If \`host\` or \`port\` was changed after the gateway's start, it still listens at the old address: name that with --url or --port.`,
    { cause: error },
  );
}

/** A line for each thing that has changed. */
export function describeReload(report: Report): string {
  const { settings, models, upstreams, aliases, routes, presets, keys, needs_restart: waiting, warnings } = report;
  const parts = { model: models, upstream: upstreams, alias: aliases, route: routes, preset: presets, key: keys };
  const lines = [
    ...settings.map(
      ({ setting, from, to }) => `${setting}: ${to === undefined ? "changed" : `${show(from)} → ${show(to)}`}`,
    ),
    ...Object.entries(parts).flatMap(([kind, { added, removed, changed }]) => [
      ...added.map((name) => `${kind} ${name}: added`),
      ...removed.map((name) => `${kind} ${name}: removed`),
      ...changed.map((name) => `${kind} ${name}: changed`),
    ]),
  ];
  const later = waiting.map(({ setting, model, from, to }) => {
    const what = model === undefined ? setting : `${setting} of ${model}`;
    return to === undefined ? what : `${what} (${show(from)} → ${show(to)})`;
  });
  return [
    ...(lines.length === 0 ? ["Nothing has changed."] : lines),
    ...(later.length === 0 ? [] : [`Unchanged until a restart: ${later.join(", ")}`]),
    ...warnings.map((warning) => `Warning: ${warning}`),
  ]
    .map((line) => `${line}\n`)
    .join("");
}

function show(value: unknown): string {
  if (!Array.isArray(value)) return typeof value === "object" ? JSON.stringify(value) : String(value);
  return value.length === 0 ? "none" : value.map(show).join(", ");
}
