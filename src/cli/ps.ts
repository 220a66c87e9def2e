import { z } from "zod";
import type { Flags } from "../config/load.ts";
import { type CliContext, EXIT } from "./context.ts";
import { reachRunning } from "./reach-gateway.ts";
import { formatTable } from "./table.ts";
import { formatBytes, formatDuration } from "./units.ts";

const TIMEOUT_MS = 10_000;

/** Ollama's year for what is never unloaded is in the distant future. */
const FAR_MS = 100 * 365 * 86_400_000;

const listSchema = z.object({
  data: z.array(
    z.object({
      id: z.string(),
      state: z.string(),
      status: z.unknown().optional(),
      root: z.string().optional(),
      preset: z.unknown().optional(),
    }),
  ),
});
const replicasSchema = z.object({ ready: z.number(), all: z.number() });
const runningSchema = z.object({
  models: z.array(
    z.object({
      model: z.string(),
      size: z.number(),
      expires_at: z.iso.datetime(),
      pinned: z.boolean().optional(),
      replicas: replicasSchema.optional(),
    }),
  ),
});

type Row = {
  readonly id: string;
  readonly state: string;
  readonly memoryBytes?: number;
  /** Until it is unloaded; absent if it stays while there is room. */
  readonly unloadInMs?: number;
  /** Whether it isn't unloaded to make room for another model either. */
  readonly isPinned?: boolean;
  /** Of a model that has several processes. */
  readonly replicas?: z.infer<typeof replicasSchema>;
};

/**
 * `sluice ps`: prints the models of a running gateway that are on its machine, with their state and memory. Throws a ConfigError, or a
 * CommandError if there is no gateway.
 */
export async function ps(flags: Flags, context: CliContext): Promise<number> {
  const { stdout } = context;
  const client = reachRunning(flags, context, AbortSignal.timeout(TIMEOUT_MS));
  const { data } = listSchema.parse(await client.get("/v1/models"));
  const { models } = runningSchema.parse(await client.get("/api/ps"));
  const nowMs = Date.now();
  const rows: Row[] = data
    .filter(({ status, root, preset }) => status !== undefined && root === undefined && preset === undefined)
    .map(({ id, state }) => {
      const running = models.find(({ model }) => model.replace(/:latest$/, "") === id || model === id);
      if (running === undefined) return { id, state };
      const unloadInMs = Math.max(0, Date.parse(running.expires_at) - nowMs);
      return {
        ...{ id, state, memoryBytes: running.size },
        ...(unloadInMs < FAR_MS && { unloadInMs }),
        ...(running.pinned === true && { isPinned: true }),
        ...(running.replicas && { replicas: running.replicas }),
      };
    });
  if (flags.json === true) {
    stdout.write(`${JSON.stringify(rows, null, 2)}\n`);
    return EXIT.done;
  }
  const cells = rows.map((row) => [
    row.id,
    row.replicas === undefined ? row.state : `${row.state}, ${row.replicas.ready} of ${row.replicas.all} replicas`,
    row.memoryBytes === undefined ? "" : formatBytes(row.memoryBytes),
    row.memoryBytes === undefined ? "" : describeUnloading(row),
  ]);
  stdout.write(formatTable([["MODEL", "STATE", "MEMORY", "UNLOADED"], ...cells], [2]));
  return EXIT.done;
}

function describeUnloading({ unloadInMs, isPinned }: Row): string {
  if (unloadInMs !== undefined) return `in ${formatDuration(unloadInMs)}`;
  return isPinned === true ? "never" : "only to make room";
}
