/** Limits how many sequences run at once, by the time between their tokens. */
export type Limiter = {
  readonly limit: number;
  /** A token came `gapMs` after the previous one of its sequence, while `running` sequences ran. */
  observe(gapMs: number, running: number, nowMs: number): void;
};

export type LimiterOptions = {
  readonly min: number;
  readonly max: number;
  /** The target for the mean time between two tokens. */
  readonly targetMs: number;
  /** The time between two tokens with one sequence, if it was measured: twice that is always acceptable. */
  readonly aloneMs: () => number | undefined;
};

/** A decision needs at least this much: while several prompts are read, for a second or two, tokens are slow whatever the limit. */
const WINDOW_MS = 5_000;
const WINDOW_TOKENS = 16;
/** As in Netflix's AIMDLimit. */
const BACKOFF = 0.9;
/** Between this share of the target and the target the limit stays, so that it doesn't oscillate. */
const COMFORT = 0.8;

/**
 * Additive increase, multiplicative decrease (Chiu and Jain 1989; Netflix's concurrency-limits), once per window of five seconds: a mean gap above
 * the target lowers the limit by a tenth, at least by one; a mean well below it raises the limit by one. The limit moves only while exactly as many
 * sequences run as it allows: with fewer it isn't what slows the tokens, and with more it hasn't taken effect yet.
 *
 * The target is at least twice the gap of a single sequence: a machine that is slow even for one isn't made faster by running fewer.
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
