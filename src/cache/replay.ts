import { setTimeout } from "node:timers/promises";
import type { GenerationEvent } from "../generation/event.ts";
import type { TimedEvent } from "./entry.ts";

export type ReplayOptions = {
  readonly signal: AbortSignal;
  /** Whether each event comes as long after the one before as when it was generated; otherwise as fast as it is read. */
  readonly isPaced: boolean;
  /** Resolves after so many ms, or rejects when `signal` is aborted. */
  readonly sleep?: (ms: number, signal: AbortSignal) => Promise<void>;
};

/** A model that took longer between two tokens was held up by others, which nobody wants to see again. */
export const MAX_PAUSE_MS = 2_000;

/** Plays a stored answer. It throws the signal's reason when that is aborted, and can be left in the midst of a pause. */
export function replay(events: readonly TimedEvent[], options: ReplayOptions): AsyncIterator<GenerationEvent> {
  const { signal, isPaced, sleep = sleepFor } = options;
  const left = new AbortController();
  let next = 0;

  async function play(): Promise<IteratorResult<GenerationEvent, undefined>> {
    signal.throwIfAborted();
    const timed = left.signal.aborted ? undefined : events[next++];
    if (timed === undefined) return { done: true, value: undefined };
    if (isPaced && timed.afterMs > 0) {
      await sleep(Math.min(timed.afterMs, MAX_PAUSE_MS), AbortSignal.any([signal, left.signal])).catch(() => {});
      signal.throwIfAborted();
      if (left.signal.aborted) return { done: true, value: undefined };
    }
    return { done: false, value: timed.event };
  }

  return {
    next: play,
    async return() {
      left.abort();
      return { done: true, value: undefined };
    },
  };
}

async function sleepFor(ms: number, signal: AbortSignal): Promise<void> {
  await setTimeout(ms, undefined, { signal });
}
