import type { Clock } from "../clock.ts";
import type { Limiter } from "./limiter.ts";
import { createTenants } from "./tenants.ts";

/** The slots that one request holds. */
export type Lease = {
  /** Undefined for nobody's. */
  readonly tenant: string | undefined;
  readonly sinceMs: number;
  /** What it was reckoned to take, in ms of slots' time. */
  readonly cost: number;
  /** What it takes at most, as far as that is known: when it says as much as it may. */
  readonly most: number;
  /** How long it is, in ms, until it can be set aside for one that is likely to take less than it has had; undefined where it can't be. */
  untilDueMs: (() => number) | undefined;
  /** Slots that it holds yet. */
  sequences: number;
  /** For how long slots were held that are free again, together. */
  heldMs: number;
};

/** Who holds slots, for how long, and whether there is room for another. */
export type HeldSlots = {
  /** Slots that are held. */
  readonly sequences: number;
  /** Requests that were given slots and have not ended. */
  readonly requests: number;
  /** How many share the slots. */
  readonly tenants: number;
  heldBy(tenant: string): number;
  /** How many slots a request with so many choices takes: at most as many as there are. */
  widthOf(choices: number): number;
  /** Notes that `tenant` is here: from then on others leave room for it. */
  see(tenant: string): void;
  /**
   * Slots that one who would have more than its share leaves free, so that another tenant's next request begins at once. A share is a slot at least:
   * with more tenants than slots the last would otherwise be nobody's.
   */
  keptFrom(tenant: string, choices: number): number;
  /** Whether there are slots for a request of `tenant` with so many choices. */
  hasRoom(tenant: string, choices: number): boolean;
  take(tenant: string | undefined, choices: number, price: { readonly cost: number; readonly most: number }): Lease;
  /** Frees `count` of its slots. */
  release(holding: Lease, count: number): void;
  /** Frees what it holds yet, and forgets it. */
  end(holding: Lease): void;
  /** For how long a request has held slots until now, all together. */
  heldMs(holding: Lease): number;
  /**
   * What is likely left of a request that runs, in what it was reckoned to take: the mean of all. One that has taken longer than it should have is
   * likely to go on for as long as it has been too late, so that who waits behind it is told more and more.
   *
   * @param calibration what requests really take, to what they are reckoned to
   * @param waitingMs what the one that waits is likely to take
   */
  workLeft(calibration: number, waitingMs: number): number;
};

/** With fewer slots, keeping one costs everybody more than it gives to anybody. */
const FEWEST_TO_KEEP_FROM = 4;
const KEPT_SLOTS = 1;

export function createHeldSlots(clock: Clock, limiter: Pick<Limiter, "limit">): HeldSlots {
  const tenants = createTenants();
  let sequences = 0;
  const held = new Set<Lease>();

  function widthOf(choices: number): number {
    return Math.min(choices, limiter.limit);
  }

  function keptFrom(tenant: string, choices: number): number {
    const { limit } = limiter;
    if (limit < FEWEST_TO_KEEP_FROM || tenants.count < 2) return 0;
    return tenants.heldBy(tenant) + widthOf(choices) > Math.max(1, limit / tenants.count) ? KEPT_SLOTS : 0;
  }

  function release(holding: Lease, count: number): void {
    const nowMs = clock.now();
    holding.sequences -= count;
    holding.heldMs += count * (nowMs - holding.sinceMs);
    sequences -= count;
    if (holding.tenant !== undefined) tenants.change(holding.tenant, -count, nowMs);
  }

  function heldMs({ heldMs: freed, sequences: count, sinceMs }: Lease, nowMs: number): number {
    return freed + count * (nowMs - sinceMs);
  }

  return {
    get sequences() {
      return sequences;
    },
    get requests() {
      return held.size;
    },
    get tenants() {
      return tenants.count;
    },
    widthOf,
    keptFrom,
    heldBy: (tenant) => tenants.heldBy(tenant),
    see: (tenant) => tenants.see(tenant, clock.now()),
    hasRoom: (tenant, choices) =>
      sequences === 0 || sequences + widthOf(choices) + keptFrom(tenant, choices) <= limiter.limit,
    take(tenant, choices, { cost, most }) {
      const sinceMs = clock.now();
      const width = widthOf(choices);
      const holding = { tenant, sinceMs, cost, most, untilDueMs: undefined, sequences: width, heldMs: 0 };
      sequences += width;
      held.add(holding);
      if (tenant !== undefined) tenants.change(tenant, width, sinceMs);
      return holding;
    },
    release,
    end(holding) {
      release(holding, holding.sequences);
      held.delete(holding);
    },
    heldMs: (holding) => heldMs(holding, clock.now()),
    workLeft(calibration, waitingMs) {
      if (held.size === 0) return 0;
      const nowMs = clock.now();
      let left = 0;
      for (const holding of held) {
        const ownMs = heldMs(holding, nowMs);
        const likely = leftOf(holding, ownMs / calibration);
        const dueMs = holding.untilDueMs?.();
        const hasToGo = dueMs !== undefined && ownMs + dueMs > waitingMs;
        left += hasToGo ? Math.min(likely, dueMs / calibration) : likely;
      }
      return left / held.size;
    },
  };
}

function leftOf({ cost, most }: Lease, done: number): number {
  const likely = Math.max(cost - done, done - cost);
  return Math.max(Math.min(likely, most - done), 0);
}
