/** How many sequences may run at once, by how long their tokens take. */
export type Limiter = {
  readonly limit: number;
  /** A token came `gapMs` after the one before it in its sequence, while `running` sequences ran. */
  observe(gapMs: number, running: number, nowMs: number): void;
};

export type LimiterOptions = {
  readonly min: number;
  readonly max: number;
  /** What the mean time between two tokens should stay under. */
  readonly targetMs: number;
  /** What it is with one sequence alone, where that is known: twice that is always good enough. */
  readonly aloneMs: () => number | undefined;
};

/** A decision rests on at least so much: prompts that come together are read in a second or two, during which tokens come slowly whatever the limit. */
const WINDOW_MS = 5_000;
const WINDOW_TOKENS = 16;
/** As in Netflix's AIMDLimit. */
const BACKOFF = 0.9;
/** Between this share of the target and the target itself the limit stays, so that it doesn't swing. */
const COMFORT = 0.8;

/**
 * Additive increase, multiplicative decrease (Chiu and Jain 1989; Netflix's concurrency-limits), once a window of five seconds: a mean gap above the target
 * takes a tenth of the limit away, at least one; one well below it gives one back. It moves only while all places are taken, since otherwise it
 * isn't what slows the tokens; and not while more run than it allows, since then it has not had its effect yet.
 *
 * A machine that is slow even for one sequence is not made faster by running fewer: the target is at least twice the gap of one alone.
 */
export function createLimiter({ min, max, targetMs, aloneMs }: LimiterOptions): Limiter {
  let limit = max;
  let sumMs = 0;
  let tokens = 0;
  let startedMs: number | undefined;

  function decide(): void {
    const meanMs = sumMs / tokens;
    const target = Math.max(targetMs, 2 * (aloneMs() ?? 0));
    if (meanMs > target) limit = Math.max(min, Math.min(limit - 1, Math.floor(limit * BACKOFF)));
    else if (meanMs < COMFORT * target) limit = Math.min(max, limit + 1);
  }

  return {
    get limit() {
      return limit;
    },
    observe(gapMs, running, nowMs) {
      if (running !== limit) {
        startedMs = undefined;
        return;
      }
      if (startedMs === undefined) {
        startedMs = nowMs;
        sumMs = tokens = 0;
      }
      sumMs += gapMs;
      tokens += 1;
      if (nowMs - startedMs < WINDOW_MS || tokens < WINDOW_TOKENS) return;
      startedMs = undefined;
      decide();
    },
  };
}
