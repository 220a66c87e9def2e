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
  /** So many restarts in a row whose model did not load, and the engine is given up. */
  readonly maxFailedRestarts: number;
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
  maxDeaths: 3,
  clearAfterTokens: 8,
  maxUnreadChars: 4 * 1024 * 1024,
};
