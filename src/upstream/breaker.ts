import type { Clock } from "../clock.ts";

/** `closed` lets all through, `open` none, `trying` one at a time until one succeeds. */
type BreakerState = "closed" | "open" | "trying";

/** How one request went. Reports after the first are ignored. */
export type Attempt = {
  readonly succeeded: () => void;
  readonly failed: () => void;
  /** It says nothing of the server: the client left, or the request was wrong. */
  readonly saidNothing: () => void;
};

export type Breaker = {
  readonly state: () => BreakerState;
  /** How long until requests are let through again, in ms; 0 where they are. */
  readonly retryAfterMs: () => number;
  /** Lets a request through; undefined where it must not be sent. */
  readonly begin: () => Attempt | undefined;
  /** Opens or closes it by what a probe said. */
  readonly note: (isWell: boolean) => void;
  readonly onChange: (listener: () => void) => () => void;
  readonly close: () => void;
};

export type BreakerOptions = {
  readonly clock: Clock;
  /** Whether the server is well, asked without waking a model; undefined where only a request can tell. */
  readonly probe: (() => Promise<boolean>) | undefined;
};

/** So many of the last results count, and so many of them must have failed, which are at least half of them. */
const RESULTS = 20;
const FAILURES = 5;

const FIRST_PAUSE_MS = 1_000;
const MAX_PAUSE_MS = 30_000;

/**
 * Keeps requests away from a server that fails. After a pause, which doubles each time, the probe is asked; when it says that the server is
 * well, or where there is none, one request is let through, and its success lets all others through.
 */
export function createBreaker({ clock, probe }: BreakerOptions): Breaker {
  const listeners = new Set<() => void>();
  let state: BreakerState = "closed";
  /** Whether each of the last requests failed. */
  let results: boolean[] = [];
  let pauseMs = FIRST_PAUSE_MS;
  let untilMs = 0;
  let cancelPause = () => {};
  let isTrying = false;
  let isClosed = false;

  function become(next: BreakerState): void {
    if (state === next) return;
    state = next;
    for (const listener of listeners) listener();
  }

  function open(): void {
    results = [];
    isTrying = false;
    cancelPause();
    if (isClosed) return;
    untilMs = clock.now() + pauseMs;
    cancelPause = clock.after(pauseMs, () => void endPause());
    pauseMs = Math.min(MAX_PAUSE_MS, 2 * pauseMs);
    become("open");
  }

  async function endPause(): Promise<void> {
    const isWell = (await probe?.().catch(() => false)) ?? true;
    if (isClosed || state !== "open") return;
    if (isWell) become("trying");
    else open();
  }

  function shut(): void {
    cancelPause();
    results = [];
    pauseMs = FIRST_PAUSE_MS;
    isTrying = false;
    become("closed");
  }

  function count(hasFailed: boolean): void {
    if (state === "trying") {
      if (hasFailed) open();
      else shut();
      return;
    }
    // A request from before it opened says nothing new.
    if (state === "open") return;
    results = [...results, hasFailed].slice(-RESULTS);
    const failures = results.filter(Boolean).length;
    if (failures >= FAILURES && 2 * failures >= results.length) open();
  }

  return {
    state: () => state,
    retryAfterMs: () => (state === "open" ? Math.max(1, untilMs - clock.now()) : 0),
    begin() {
      if (state === "open" || (state === "trying" && isTrying)) return undefined;
      isTrying = state === "trying";
      const isTrial = isTrying;
      let isOver = false;
      const end = (report: () => void) => () => {
        if (isOver) return;
        isOver = true;
        report();
        if (isTrial) isTrying = false;
      };
      return {
        succeeded: end(() => count(false)),
        failed: end(() => count(true)),
        saidNothing: end(() => {}),
      };
    },
    note(isWell) {
      if (isWell && state === "open") become("trying");
      else if (!isWell && state !== "open") open();
    },
    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    close() {
      isClosed = true;
      cancelPause();
    },
  };
}
