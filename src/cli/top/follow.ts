import { setTimeout } from "node:timers/promises";
import { z } from "zod";
import { type LiveEvent, type LivePoint, type LiveSnapshot, liveHistory, liveSnapshot } from "../../live/snapshot.ts";
import { EXIT } from "../context.ts";
import { CommandError, RefusedError } from "../errors.ts";
import type { GatewayClient } from "../gateway-client.ts";

/** What a gateway has told so far. */
export type Told = {
  /** The last one; undefined before the first. */
  readonly snapshot: LiveSnapshot | undefined;
  /** The seconds that were seen, oldest first. */
  readonly points: readonly LivePoint[];
  /** Loads, unloads and restarts, oldest first. */
  readonly events: readonly LiveEvent[];
  /** Why nothing comes now; undefined while snapshots come. */
  readonly lost: string | undefined;
};

const anySnapshot = z.object({ object: z.literal("live.snapshot") });

const PATH = "/admin/live";
const MAX_POINTS = 512;
const MAX_EVENTS = 64;
/** A snapshot comes each second: a connection that is silent for so long is none any more. */
const SILENCE_MS = 10_000;
const RETRY_MS = 1_000;

/**
 * Follows what a gateway tells of itself, and comes back to it after it was away. Throws a CommandError if the first connection fails, or where the
 * gateway refuses; the signal's reason when that aborts.
 */
export async function* follow(
  client: GatewayClient,
  signal: AbortSignal,
  { silenceMs = SILENCE_MS, retryMs = RETRY_MS } = {},
): AsyncGenerator<Told, never, void> {
  let told: Told = { snapshot: undefined, points: [], events: [], lost: undefined };
  for (;;) {
    try {
      for await (const data of unlessSilent(client, signal, silenceMs)) {
        const next = take(told, data);
        if (next === undefined) continue;
        told = next;
        if (told.snapshot !== undefined && told.lost === undefined) yield told;
      }
      throw new CommandError("The gateway has ended the connection.");
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof Error) || told.snapshot === undefined || isRefusal(error)) throw error;
      told = { ...told, lost: error.message };
      yield told;
    }
    await setTimeout(retryMs, undefined, { signal }).catch(() => signal.throwIfAborted());
  }
}

/** The data of the stream; throws where nothing comes for a while. */
async function* unlessSilent(client: GatewayClient, signal: AbortSignal, silenceMs: number): AsyncIterable<unknown> {
  const silence = new AbortController();
  const tire = () => silence.abort(new CommandError(`The gateway has said nothing for ${silenceMs / 1_000} s.`));
  let timer = globalThis.setTimeout(tire, silenceMs);
  try {
    for await (const data of client.follow(PATH, AbortSignal.any([signal, silence.signal]))) {
      clearTimeout(timer);
      yield data;
      timer = globalThis.setTimeout(tire, silenceMs);
    }
  } finally {
    clearTimeout(timer);
  }
}

/** Whether the same request would be refused again. */
function isRefusal(error: Error): boolean {
  return error instanceof RefusedError && error.exitCode === EXIT.refused;
}

/** Undefined for what is neither history nor snapshot. Throws a CommandError for a snapshot of another kind than ours. */
function take(told: Told, data: unknown): Told | undefined {
  const history = liveHistory.safeParse(data);
  if (history.success) {
    const { points, events } = history.data;
    return { ...told, points: points.slice(-MAX_POINTS), events: events.slice(-MAX_EVENTS) };
  }
  const { data: snapshot } = liveSnapshot.safeParse(data);
  if (snapshot === undefined) {
    if (!anySnapshot.safeParse(data).success) return undefined;
    throw new CommandError(
      "The gateway is of another version, and what it tells can't be read. Use the `sluice` that it was started with.",
    );
  }
  const lastMs = told.points.at(-1)?.at ?? 0;
  // The history may have them already.
  const known = new Set(told.events.map(nameOf));
  return {
    snapshot,
    points: snapshot.point.at > lastMs ? [...told.points, snapshot.point].slice(-MAX_POINTS) : told.points,
    events: [...told.events, ...snapshot.events.filter((event) => !known.has(nameOf(event)))].slice(-MAX_EVENTS),
    lost: undefined,
  };
}

function nameOf({ at, model, state }: LiveEvent): string {
  return JSON.stringify([at, model, state]);
}
