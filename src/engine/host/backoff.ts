import type { Clock } from "../../clock.ts";
import type { LifePolicy } from "./policy.ts";

/** Counts the deaths of a model's processes, and decides how long to pause before the next start. */
export type Backoff = {
  loaded(): void;
  died(): void;
  /** Counts a restart. Returns the pause before it in ms. */
  restart(): number;
  /** Counts a restart that could not load the model. Returns whether another one may follow. */
  restartFailed(): boolean;
  /** Counts a failure of the engine. Returns the pause in ms before it is tried again. */
  failed(): number;
  /** How long until a failed engine may be tried again; 0 or less once it may. */
  readonly retryInMs: number;
};

export function createBackoff(clock: Clock, policy: LifePolicy): Backoff {
  let loadedAt = 0;
  let restartsInARow = 0;
  let failedRestarts = 0;
  let failures = 0;
  let retryAt = 0;

  return {
    loaded() {
      loadedAt = clock.now();
      failedRestarts = 0;
      failures = 0;
    },
    died() {
      if (clock.now() - loadedAt >= policy.healthyAfterMs) restartsInARow = 0;
    },
    restart() {
      const doublings = restartsInARow++ - 1;
      return doublings < 0 ? 0 : Math.min(policy.restartDelayMs * 2 ** doublings, policy.maxRestartDelayMs);
    },
    restartFailed() {
      failedRestarts += 1;
      return failedRestarts < policy.maxFailedRestarts;
    },
    failed() {
      failedRestarts = 0;
      const delayMs = Math.min(policy.retryDelayMs * 2 ** Math.min(failures++, 30), policy.maxRetryDelayMs);
      retryAt = clock.now() + delayMs;
      return delayMs;
    },
    get retryInMs() {
      return retryAt - clock.now();
    },
  };
}
