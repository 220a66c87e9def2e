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

const DONE = { done: true, value: undefined } as const;

/** Plays a stored answer. It throws the signal's reason when that is aborted, and can be left in the midst of a pause. */
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

/** Returns a stored answer's events with the full cost of a generation, as if they were no replay. */
export function atFullPrice(events: readonly TimedEvent[]): readonly TimedEvent[] {
  return events.map((timed) => {
    const { event } = timed;
    return event.type === "started" ? { ...timed, event: { ...event, isReplay: false } } : timed;
  });
}
