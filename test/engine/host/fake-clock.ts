import type { Clock } from "../../../src/clock.ts";

/** A clock that stands still until it is told to go on. */
export type FakeClock = Clock & {
  /** Lets `ms` pass and runs what falls due, in order. */
  advance(ms: number): void;
  /** How many timers wait. */
  readonly pending: number;
};

export function createFakeClock(): FakeClock {
  let now = 0;
  const timers = new Map<symbol, { readonly due: number; readonly callback: () => void }>();

  function nextDue(limit: number): symbol | undefined {
    let best: { key: symbol; due: number } | undefined;
    for (const [key, { due }] of timers) {
      if (due <= limit && (best === undefined || due < best.due)) best = { key, due };
    }
    return best?.key;
  }

  return {
    now: () => now,
    after(delayMs, callback) {
      const key = Symbol();
      timers.set(key, { due: now + delayMs, callback });
      return () => timers.delete(key);
    },
    advance(ms) {
      const end = now + ms;
      for (let key = nextDue(end); key !== undefined; key = nextDue(end)) {
        const timer = timers.get(key);
        timers.delete(key);
        if (timer === undefined) break;
        now = timer.due;
        timer.callback();
      }
      now = end;
    },
    get pending() {
      return timers.size;
    },
  };
}
