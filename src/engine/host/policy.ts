/** How patient the host is with its worker, and with the requests that kill it. */
export type SupervisionPolicy = {
  /** A model that has not loaded after so long counts as a failed load. */
  readonly loadTimeoutMs: number;
  /** A loaded worker that sends no heartbeat for so long hangs and is killed. */
  readonly heartbeatTimeoutMs: number;
  /** A single native call may take so long, by the worker's own account, before the worker is killed. */
  readonly decodeTimeoutMs: number;
  /** How long a worker that was asked to end may take before it is killed. */
  readonly stopGraceMs: number;
  /** How long after a worker's exit its last messages and output are still read. */
  readonly drainMs: number;
  /** The pause before the second restart in a row (the first is made at once); doubled for each one after. */
  readonly restartDelayMs: number;
  readonly maxRestartDelayMs: number;
  /** A worker that lived so long after it loaded starts the count of restarts anew. */
  readonly healthyAfterMs: number;
  /** So many restarts in a row whose model did not load, and the engine is given up for a while. */
  readonly maxFailedRestarts: number;
  /** How long an engine that was given up fails its requests before it is tried again; doubled for each failure after. */
  readonly retryDelayMs: number;
  readonly maxRetryDelayMs: number;
  /** A process with nothing to do for so long is ended, and started again by the next request. Undefined: it is kept. */
  readonly idleMs: number | undefined;
  /** A request under which the worker died so often, the last time with nothing else in hand, is given up. */
  readonly maxDeaths: number;
  /** A suspect must bring so many tokens, alone, to be run together with others again; doubled for each death beyond the usual. */
  readonly clearAfterTokens: number;
  /** How much text of one request may wait for its reader, in UTF-16 code units. */
  readonly maxUnreadChars: number;
};

export const DEFAULT_POLICY: SupervisionPolicy = {
  loadTimeoutMs: 600_000,
  heartbeatTimeoutMs: 15_000,
  decodeTimeoutMs: 120_000,
  stopGraceMs: 3_000,
  drainMs: 1_000,
  restartDelayMs: 500,
  maxRestartDelayMs: 30_000,
  healthyAfterMs: 60_000,
  maxFailedRestarts: 5,
  retryDelayMs: 60_000,
  maxRetryDelayMs: 600_000,
  idleMs: undefined,
  maxDeaths: 3,
  clearAfterTokens: 8,
  maxUnreadChars: 4 * 1024 * 1024,
};

/**
 * For processes that live only while they are used: their memory is worth more than the second that a load takes. One that can't load the
 * model says so at once, and the next request tries again.
 */
export const ON_DEMAND_POLICY: SupervisionPolicy = {
  ...DEFAULT_POLICY,
  restartDelayMs: 0,
  maxFailedRestarts: 1,
  retryDelayMs: 0,
  idleMs: 300_000,
};

/**
 * The pause before the next restart, in ms, when `restartsInARow` went before it: none for the first, since most deaths are
 * single and a client is waiting, then doubling from `restartDelayMs` to `maxRestartDelayMs`.
 */
export function restartDelayMs(
  restartsInARow: number,
  policy: Pick<SupervisionPolicy, "restartDelayMs" | "maxRestartDelayMs">,
): number {
  if (restartsInARow === 0) return 0;
  return Math.min(policy.restartDelayMs * 2 ** (restartsInARow - 1), policy.maxRestartDelayMs);
}

/** The pause before an engine that was given up is tried again, in ms, after it was given up `failures` times before. */
export function retryDelayMs(
  failures: number,
  policy: Pick<SupervisionPolicy, "retryDelayMs" | "maxRetryDelayMs">,
): number {
  return Math.min(policy.retryDelayMs * 2 ** Math.min(failures, 30), policy.maxRetryDelayMs);
}
