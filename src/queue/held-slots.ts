import type { Clock } from "../clock.ts";
import type { Limiter } from "./limiter.ts";
import { createTenants } from "./tenants.ts";

/** The slots that one request holds. */
export type Lease = {
  /** Undefined for the warm-up. */
  readonly tenant: string | undefined;
  readonly sinceMs: number;
  /** Its expected cost, in ms of slot time. */
  readonly cost: number;
  /** Its cost if each choice is as long as it may be. */
  readonly most: number;
  /** Returns in how many ms it can be set aside for a shorter request; undefined if it can't be. */
  untilDueMs: (() => number) | undefined;
  /** Slots that it still holds. */
  sequences: number;
  /** The total time for which its released slots were held. */
  heldMs: number;
  /** Whether those of class batch rest while it runs. */
  readonly isAwaited: boolean;
};

/** Which requests hold slots, for how long, and whether there is room for another. */
export type HeldSlots = {
  /** Slots in use. */
  readonly sequences: number;
  /** The sequences that the engine works on: without those that rest. */
  readonly awake: number;
  /** Whether requests of class batch may have rested since that time of the clock. */
  hasRestedSince(sinceMs: number): boolean;
  /**
   * How many free slots are left to awaited requests, which have used as many lately: those that rest would only have to give them back. None if
   * nothing rests.
   */
  keptForAwaited(): number;
  /** Requests that hold slots. */
  readonly requests: number;
  /** Tenants that share the slots. */
  readonly tenants: number;
  heldBy(tenant: string): number;
  /** How many slots a request with so many choices takes: at most as many as there are. */
  widthOf(choices: number): number;
  /** Notes that `tenant` is active: from then on others leave room for it. */
  see(tenant: string): void;
  /**
   * How many slots a tenant must leave free if it would exceed its share, so that another tenant's next request begins at once. A share is at
   * least one slot: with more tenants than slots the last slot would otherwise stay unused.
   */
  keptFrom(tenant: string, choices: number): number;
  /** Whether there are slots for a request of `tenant` with so many choices. */
  hasRoom(tenant: string, choices: number): boolean;
  take(tenant: string | undefined, choices: number, of: Pick<Lease, "cost" | "most" | "isAwaited">): Lease;
  /** Releases `count` of its slots. */
  release(holding: Lease, count: number): void;
  /** Releases all that it still holds, and forgets it. */
  end(holding: Lease): void;
  /** The total time for which a request has held slots until now. */
  heldMs(holding: Lease): number;
  /**
   * The mean work left in the running requests, in the unit of their costs. A request that is over its expected cost is likely to run on for as
   * long as it has been over, so the estimates of those behind it grow.
   *
   * @param calibration the ratio of real to expected costs
   * @param waitingMs the expected cost of the request that waits
   */
  workLeft(calibration: number, waitingMs: number): number;
};

/** With fewer slots, keeping one free costs more than it gains. */
const FEWEST_TO_KEEP_FROM = 4;
const KEPT_SLOTS = 1;

/** About as long as the engine lets batch work rest after the last awaited sequence, and some more. */
const LINGER_MS = 500;

/** For how long the slots of awaited requests are kept after the last of them, and those of the most that there were at once. */
const KEPT_MS = 2_000;
const PEAK_MS = 10_000;

/** @param doRest whether requests of class batch rest in the engine while others run */
export function createHeldSlots(clock: Clock, limiter: Pick<Limiter, "limit">, doRest: boolean): HeldSlots {
  const tenants = createTenants();
  let sequences = 0;
  let awaited = 0;
  /** When the last slot of an awaited request became free. */
  let quietSinceMs = Number.NEGATIVE_INFINITY;
  /** The most slots of awaited requests at once, and when that was. */
  let peak = { count: 0, atMs: Number.NEGATIVE_INFINITY };
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
    if (holding.isAwaited && count > 0) {
      awaited -= count;
      quietSinceMs = nowMs;
    }
    if (holding.tenant !== undefined) tenants.change(holding.tenant, -count, nowMs);
  }

  function heldMs({ heldMs: freed, sequences: count, sinceMs }: Lease, nowMs: number): number {
    return freed + count * (nowMs - sinceMs);
  }

  return {
    get sequences() {
      return sequences;
    },
    get awake() {
      return doRest && awaited > 0 ? awaited : sequences;
    },
    keptForAwaited() {
      const nowMs = clock.now();
      const isOver = awaited === 0 ? nowMs - quietSinceMs >= KEPT_MS : nowMs - peak.atMs >= PEAK_MS;
      if (isOver) peak = { count: awaited, atMs: nowMs };
      return doRest ? peak.count - awaited : 0;
    },
    hasRestedSince: (sinceMs) => doRest && (awaited > 0 || quietSinceMs + LINGER_MS >= sinceMs),
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
    take(tenant, choices, { cost, most, isAwaited }) {
      const sinceMs = clock.now();
      const width = widthOf(choices);
      const holding = { tenant, sinceMs, cost, most, isAwaited, untilDueMs: undefined, sequences: width, heldMs: 0 };
      sequences += width;
      if (isAwaited) {
        awaited += width;
        if (awaited >= peak.count) peak = { count: awaited, atMs: sinceMs };
      }
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
