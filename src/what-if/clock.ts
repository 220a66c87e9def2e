import type { Clock } from "../clock.ts";
import { createHeap } from "../fairness/heap.ts";

/** A simulated clock that jumps from one event to the next. */
export type SimulatedClock = Clock & {
  /** Runs all events up to `untilMs`, in order. */
  runUntil(untilMs: number): void;
};

export function createSimulatedClock(): SimulatedClock {
  const events = createHeap<() => void>();
  let nowMs = 0;
  let orders = 0;
  return {
    now: () => nowMs,
    after(delayMs, callback) {
      const node = events.push(callback, nowMs + delayMs, orders++);
      return () => events.remove(node);
    },
    runUntil(untilMs) {
      for (let { first } = events; first !== undefined && first.key <= untilMs; first = events.first) {
        events.remove(first);
        nowMs = first.key;
        first.value();
      }
      nowMs = untilMs;
    },
  };
}
