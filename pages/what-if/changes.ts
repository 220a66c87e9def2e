/** What is different from today; undefined where nothing is. */
export type Changes = {
  readonly slots: number | undefined;
  readonly replicas: number;
  readonly traffic: number;
  readonly maxWaitMs: number | undefined;
  readonly maxPending: number | undefined;
  /** Another server that takes what would be late; none if `afterMs` is undefined. */
  readonly spill: {
    readonly afterMs: number | undefined;
    readonly firstTokenMs: number;
    readonly promptPrice: number;
    readonly completionPrice: number;
  };
};

export const NO_CHANGES: Changes = {
  ...{ slots: undefined, replicas: 1, traffic: 1, maxWaitMs: undefined, maxPending: undefined },
  spill: { afterMs: undefined, firstTokenMs: 800, promptPrice: 0.5, completionPrice: 1.5 },
};

/** The stops of a slider whose values are far apart. */
export const TRAFFIC = [0.25, 0.5, 0.75, 1, 1.25, 1.5, 2, 3, 4, 6, 8, 10];
export const WAITS_MS = [500, 1_000, 2_000, 5_000, 10_000, 20_000, 30_000, 60_000, 120_000, 300_000];
export const PENDING = [4, 8, 16, 32, 64, 128, 256, 512, 1_024];
export const SPILLS_MS = [undefined, 100, 250, 500, 1_000, 2_000, 3_000, 5_000, 10_000, 30_000];
export const FIRST_TOKENS_MS = [100, 200, 400, 800, 1_500, 3_000, 6_000];

/** The stop that is nearest to a value. */
export function stopOf(stops: readonly (number | undefined)[], value: number | undefined): number {
  if (value === undefined) return Math.max(0, stops.indexOf(undefined));
  let best = 0;
  let least = Number.POSITIVE_INFINITY;
  for (const [at, stop] of stops.entries()) {
    const distance = stop === undefined ? Number.POSITIVE_INFINITY : Math.abs(Math.log(stop / Math.max(value, 1e-9)));
    if (distance < least) [best, least] = [at, distance];
  }
  return best;
}

/** The body of `POST /admin/what-if`. */
export function questionOf({ slots, replicas, traffic, maxWaitMs, maxPending, spill }: Changes) {
  return {
    ...(slots !== undefined && { slots }),
    ...(replicas !== 1 && { replicas }),
    ...(traffic !== 1 && { traffic }),
    ...(maxWaitMs !== undefined && { max_wait_ms: maxWaitMs }),
    ...(maxPending !== undefined && { max_pending: maxPending }),
    ...(spill.afterMs !== undefined && {
      spill: {
        ...{ after_ms: spill.afterMs, first_token_ms: spill.firstTokenMs },
        ...{ prompt_price: spill.promptPrice, completion_price: spill.completionPrice },
      },
    }),
  };
}
