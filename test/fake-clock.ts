import type { Clock } from "../src/clock.ts";

/** A clock whose time passes only when told. */
export type FakeClock = Clock & {
  /** Lets `ms` pass and runs the timers that fall due, in order. */
  advance(ms: number): void;
  /** How many timers are set. */
  readonly pending: number;
};

export function createFakeClock(): FakeClock {
  let nowMs = 0;
  const timers = new Set<{ readonly atMs: number; readonly callback: () => void }>();
  return {
    now: () => nowMs,
    after(delayMs, callback) {
      const timer = { atMs: nowMs + delayMs, callback };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    advance(ms) {
      const untilMs = nowMs + ms;
      for (;;) {
        const [next] = [...timers].filter(({ atMs }) => atMs <= untilMs).toSorted((a, b) => a.atMs - b.atMs);
        if (next === undefined) break;
        timers.delete(next);
        nowMs = Math.max(nowMs, next.atMs);
        next.callback();
      }
      nowMs = untilMs;
    },
    get pending() {
      return timers.size;
    },
  };
}
