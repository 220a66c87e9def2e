import { OverloadedError } from "../generation/errors.ts";
import type { Layer } from "../generation/layer.ts";

export type AdmissionOptions = {
  /** Requests in hand at once; the next one is refused. */
  readonly maxPending: number;
  /** A clock in ms that never goes back. */
  readonly now?: () => number;
};

/** Answered while no request has ended yet, so that nothing is known. */
const UNKNOWN_WAIT_MS = 1_000;
const MIN_WAIT_MS = 100;
const MAX_WAIT_MS = 60_000;

/** How much the newest duration weighs in the running mean: about the last ten requests count. */
const NEWEST_WEIGHT = 0.2;

/**
 * Counts the requests in hand and refuses the ones beyond `maxPending` with an `OverloadedError`. A request is in hand from its first
 * `next()` until it ends, throws or is left.
 */
export function admit({ maxPending, now = () => performance.now() }: AdmissionOptions): Layer {
  let pending = 0;
  let meanDurationMs: number | undefined;

  /** With `pending` requests that take the mean each, one ends every `mean / pending` (Little's law). */
  function estimateWaitMs(): number {
    if (meanDurationMs === undefined) {
      return UNKNOWN_WAIT_MS;
    }
    return Math.round(Math.min(Math.max(meanDurationMs / pending, MIN_WAIT_MS), MAX_WAIT_MS));
  }

  return async function* admission(request, next) {
    if (pending >= maxPending) {
      throw new OverloadedError(`The server already has ${pending} requests in hand.`, estimateWaitMs());
    }
    pending += 1;
    const startedMs = now();
    try {
      yield* next(request);
    } finally {
      pending -= 1;
      const durationMs = now() - startedMs;
      meanDurationMs =
        meanDurationMs === undefined ? durationMs : meanDurationMs + NEWEST_WEIGHT * (durationMs - meanDurationMs);
    }
  };
}
