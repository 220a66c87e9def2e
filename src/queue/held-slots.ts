import type { Clock } from "../clock.ts";
import { createTenants } from "./tenants.ts";

/** The slots that one request holds. */
export type Holding = {
  /** Undefined for nobody's. */
  readonly tenant: string | undefined;
  readonly sinceMs: number;
  /** What it was reckoned to take, in ms of slots' time. */
  readonly cost: number;
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
  /** Notes that `tenant` is here: from then on others leave room for it. */
  see(tenant: string): void;
  /** Whether `tenant` may take `width` slots of `limit`. */
  hasRoom(tenant: string, width: number, limit: number): boolean;
  take(tenant: string | undefined, width: number, cost: number): Holding;
  /** Frees `count` of its slots. */
  release(holding: Holding, count: number): void;
  /** Frees what it holds yet, and forgets it. */
  end(holding: Holding): void;
  /** What is likely left of a request that runs, in what it was reckoned to take. @param calibration what requests really take, to that */
  workLeft(calibration: number): number;
};

/** With fewer slots, keeping one costs everybody more than it gives to anybody. */
const FEWEST_TO_KEEP_FROM = 4;
const KEPT_SLOTS = 1;

/** Of what those who run were reckoned to take, so much is left however long they have run. */
const LEAST_LEFT = 0.1;

export function createHeldSlots(clock: Clock): HeldSlots {
  const tenants = createTenants();
  let sequences = 0;
  let requests = 0;
  /** What all that run were reckoned to take. */
  let work = 0;
  /** For how long they have held slots, less the clock's time for each slot that is held now. */
  let heldBeforeMs = 0;

  /** Slots that one who would have more than its share leaves free, so that another tenant's next request begins at once. */
  function keptFrom(tenant: string, width: number, limit: number): number {
    if (limit < FEWEST_TO_KEEP_FROM || tenants.count < 2) return 0;
    return tenants.heldBy(tenant) + width > limit / tenants.count ? KEPT_SLOTS : 0;
  }

  function release(holding: Holding, count: number): void {
    const nowMs = clock.now();
    holding.sequences -= count;
    holding.heldMs += count * (nowMs - holding.sinceMs);
    sequences -= count;
    heldBeforeMs += count * nowMs;
    if (holding.tenant !== undefined) tenants.change(holding.tenant, -count, nowMs);
  }

  return {
    get sequences() {
      return sequences;
    },
    get requests() {
      return requests;
    },
    see: (tenant) => tenants.see(tenant, clock.now()),
    hasRoom: (tenant, width, limit) => sequences === 0 || sequences + width + keptFrom(tenant, width, limit) <= limit,
    take(tenant, width, cost) {
      const sinceMs = clock.now();
      requests += 1;
      sequences += width;
      work += cost;
      heldBeforeMs -= width * sinceMs;
      if (tenant !== undefined) tenants.change(tenant, width, sinceMs);
      return { tenant, sinceMs, cost, sequences: width, heldMs: 0 };
    },
    release,
    end(holding) {
      release(holding, holding.sequences);
      requests -= 1;
      work = requests === 0 ? 0 : work - holding.cost;
      heldBeforeMs = requests === 0 ? 0 : heldBeforeMs - holding.heldMs;
    },
    workLeft(calibration) {
      if (requests === 0) return 0;
      const doneMs = heldBeforeMs + sequences * clock.now();
      return Math.max(work - doneMs / calibration, work * LEAST_LEFT) / requests;
    },
  };
}
