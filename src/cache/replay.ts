import { setTimeout } from "node:timers/promises";
import type { GenerationEvent } from "../generation/event.ts";
import type { TimedEvent } from "./entry.ts";

export type ReplayOptions = {
  readonly signal: AbortSignal;
  /** Whether events come at the pace of the generation; otherwise as fast as they are read. */
  readonly isPaced: boolean;
  /** Resolves after so many ms, or rejects when `signal` is aborted. */
  readonly sleep?: (ms: number, signal: AbortSignal) => Promise<void>;
};

/** Longer pauses between two tokens, caused by other load, are cut to this. */
export const MAX_PAUSE_MS = 2_000;

const DONE = { done: true, value: undefined } as const;

/** Replays a stored answer. Throws the reason of `signal` when that is aborted, and can be left during a pause. */
export function replay(events: readonly TimedEvent[], options: ReplayOptions): AsyncIterator<GenerationEvent> {
  const { signal, isPaced, sleep = sleepFor } = options;
  const left = new AbortController();
  let next = 0;

  function take(): IteratorResult<GenerationEvent, undefined> {
    signal.throwIfAborted();
    const timed = left.signal.aborted ? undefined : events[next++];
    return timed === undefined ? DONE : { done: false, value: timed.event };
  }

  async function takePaced(): Promise<IteratorResult<GenerationEvent, undefined>> {
    const pauseMs = Math.min(events[next]?.afterMs ?? 0, MAX_PAUSE_MS);
    signal.throwIfAborted();
    if (pauseMs > 0 && !left.signal.aborted) {
      await sleep(pauseMs, AbortSignal.any([signal, left.signal])).catch(() => {});
    }
    return take();
  }

  return {
    next: isPaced ? takePaced : async () => take(),
    async return() {
      left.abort();
      return DONE;
    },
  };
}

async function sleepFor(ms: number, signal: AbortSignal): Promise<void> {
  await setTimeout(ms, undefined, { signal });
}

/** Returns a stored answer's events as if they weren't a replay, so that they are charged in full. */
export function atFullPrice(events: readonly TimedEvent[]): readonly TimedEvent[] {
  return events.map((timed) => {
    const { event } = timed;
    return event.type === "started" ? { ...timed, event: { ...event, isReplay: false } } : timed;
  });
}
