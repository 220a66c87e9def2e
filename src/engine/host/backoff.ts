import type { Clock } from "../../clock.ts";
import { restartDelayMs, retryDelayMs, type SupervisionPolicy } from "./policy.ts";

/** Counts the deaths of a model's processes, and decides how long to pause before the next start. */
export type Backoff = {
  /** A process has loaded the model. */
  loaded(): void;
  /** A loaded process has died. */
  died(): void;
  /** Counts a restart. Returns the pause before it in ms. */
  restart(): number;
  /** Counts a restart that could not load the model. Returns whether another one may follow. */
  restartFailed(): boolean;
  /** Counts a failure of the engine. Returns the pause in ms before it is tried again. */
  failed(): number;
  /** How long a failed engine must still not be tried again; 0 or less once it may. */
  readonly retryInMs: number;
};

type BackoffPolicy = Pick<
  SupervisionPolicy,
  "restartDelayMs" | "maxRestartDelayMs" | "healthyAfterMs" | "maxFailedRestarts" | "retryDelayMs" | "maxRetryDelayMs"
>;

export function createBackoff(clock: Clock, policy: BackoffPolicy): Backoff {
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
    restart: () => restartDelayMs(restartsInARow++, policy),
    restartFailed() {
      failedRestarts += 1;
      return failedRestarts < policy.maxFailedRestarts;
    },
    failed() {
      failedRestarts = 0;
      const delayMs = retryDelayMs(failures++, policy);
      retryAt = clock.now() + delayMs;
      return delayMs;
    },
    get retryInMs() {
      return retryAt - clock.now();
    },
  };
}
