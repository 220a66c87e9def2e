/** The time limits for workers, and the limits for requests that kill them. */
export type SupervisionPolicy = {
  /** How long loading a model may take. */
  readonly loadTimeoutMs: number;
  /** How long a loaded worker may send no heartbeat before it is killed. */
  readonly heartbeatTimeoutMs: number;
  /** How long a single native call may take, as reported by the worker, before the worker is killed. */
  readonly decodeTimeoutMs: number;
  /** How long a worker may take to exit before it is killed. */
  readonly stopGraceMs: number;
  /** How long to read a worker's last messages and output after its exit. */
  readonly drainMs: number;
  /** The pause before the second restart in a row, doubled for each further one. The first has none: most deaths are single, and clients wait. */
  readonly restartDelayMs: number;
  readonly maxRestartDelayMs: number;
  /** How long a worker must run after loading to reset the count of restarts. */
  readonly healthyAfterMs: number;
  /** After how many failed restarts in a row the engine becomes `failed`. */
  readonly maxFailedRestarts: number;
  /** How long a failed engine rejects requests before the next try, doubled for each further failure. */
  readonly retryDelayMs: number;
  readonly maxRetryDelayMs: number;
  /** How long a process may be idle before it is ended, until the next request. Undefined means that it is kept. */
  readonly idleMs: number | undefined;
  /** A request fails after this many deaths of its worker, if it was alone at the last one. */
  readonly maxDeaths: number;
  /** How many tokens a suspect must produce alone before it runs with others again, doubled for each further death. */
  readonly clearAfterTokens: number;
  /** How much unread text one request may have, in UTF-16 code units. */
  readonly maxUnreadChars: number;
};

/** The part of the policy that a life cycle needs. */
export type LifePolicy = Omit<SupervisionPolicy, "maxDeaths" | "clearAfterTokens" | "maxUnreadChars">;

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
 * The policy of processes that run only while they are used, since their memory is worth more than the second that loading takes. A failed
 * load is reported at once, and the next request tries again. They do one thing at a time, so a second death during the same thing convicts
 * it.
 */
export const ON_DEMAND_POLICY: SupervisionPolicy = {
  ...DEFAULT_POLICY,
  restartDelayMs: 0,
  maxFailedRestarts: 1,
  retryDelayMs: 0,
  maxDeaths: 2,
  idleMs: 300_000,
};
