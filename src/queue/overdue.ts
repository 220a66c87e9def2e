import { PRIORITIES, type Priority } from "../generation/terms.ts";

/** A running request that has taken several times its expected cost. */
export type Overdue<T> = {
  readonly value: T;
  readonly tenant: string;
  readonly priority: Priority;
  /** Slots that it holds. */
  readonly sequences: number;
  /** For how long it has held slots, since its start. */
  readonly hadMs: number;
  /** Whether it was set aside before. */
  readonly isAgain: boolean;
};

/** A request that waits for a slot, for which a run may be set aside. */
export type Claimant = {
  readonly tenant: string;
  readonly priority: Priority;
  /** For how long it is likely to hold slots; 0 if it was set aside itself, since such runs take turns. */
  readonly takesMs: number;
  /** Slots that its tenant holds. */
  readonly held: number;
  /** Whether it was set aside itself, and would replace another such run. */
  readonly isAgain: boolean;
};

/** A run is overdue when it has taken this many times its expected cost. */
const OVERDUE = 4;

/** A run isn't set aside before this time, so that resuming costs little in comparison. */
export const LEAST_TURN_MS = 2_000;

/** A run that is certain to end within this time isn't set aside: that would cost it more than others gain. */
const NEAR_MS = 30_000;

/** A run stays aside for as long as it had its slot, but at most this long. */
const MOST_PAUSE_MS = 10_000;

/** The share of the slots that endless runs may keep: the wait for the other slots is at most twice as long. */
const ENDLESS_SHARE = 1 / 2;

/** How many slots endless runs, those without an end in sight, may keep while others wait. */
export function keptSlots(limit: number): number {
  return Math.floor(ENDLESS_SHARE * limit);
}

/** After how many ms a run with an expected cost of `likelyMs` is overdue. */
export function dueAfterMs(likelyMs: number): number {
  return Math.max(LEAST_TURN_MS, OVERDUE * likelyMs);
}

/** The same for a run that was set aside before, and took `catchUpMs` to get back to where it was: it then gets twice that time. */
export function dueAgainAfterMs(catchUpMs: number): number {
  return LEAST_TURN_MS + 2 * catchUpMs;
}

/** How long a run stays aside that held its slots for `turnMs`, unless others are still in its place. */
export function pauseMs(turnMs: number): number {
  return Math.min(Math.max(turnMs, LEAST_TURN_MS), MOST_PAUSE_MS);
}

/**
 * Whether a run is about to reach its limit of tokens. For a run far beyond the time that its limit should have taken, the end isn't known.
 *
 * @param leftMs the expected time until it reaches its limit; below 0 if it should have by now
 */
export function endsSoon(leftMs: number): boolean {
  return Math.abs(leftMs) <= NEAR_MS;
}

/**
 * Chooses the run to set aside for a request that waits. None while lasting runs hold no more slots than endless runs may keep. Never a run of a higher
 * class, nor one that has taken less than the request is likely to, nor one of another tenant if the request's own tenant holds its share already.
 * Of the rest: the lowest class, then the tenant that holds most, then the run that has taken most.
 *
 * @param overdue all runs that are overdue and have no end in sight
 * @param of the number of slots, of tenants, and of slots that the request can't expect to become free: those kept free
 *   from its tenant, those of endless runs, and those of late runs that will take long to reach their limit
 */
export function chooseOverdue<T>(
  overdue: readonly Overdue<T>[],
  { tenant, priority, takesMs, held, isAgain }: Claimant,
  of: { readonly limit: number; readonly tenants: number; readonly lasting: number },
): T | undefined {
  const rank = PRIORITIES.indexOf(priority);
  const isMany = of.lasting > keptSlots(of.limit);
  const hasShare = held >= Math.max(1, Math.floor(of.limit / of.tenants));
  const mayGo = overdue.filter((run) => {
    const runRank = PRIORITIES.indexOf(run.priority);
    if (run.hadMs <= takesMs || (run.tenant !== tenant && hasShare)) return false;
    if (runRank < rank && !run.isAgain) return false;
    return isMany || isAgain || runRank > rank;
  });
  const heldBy = ({ tenant: its }: Overdue<T>) =>
    overdue.reduce((held, run) => held + (run.tenant === its ? run.sequences : 0), 0);
  return mayGo.reduce<Overdue<T> | undefined>((most, run) => {
    if (most === undefined) return run;
    const isMore =
      PRIORITIES.indexOf(run.priority) - PRIORITIES.indexOf(most.priority) ||
      heldBy(run) - heldBy(most) ||
      run.hadMs - most.hadMs;
    return isMore > 0 ? run : most;
  }, undefined)?.value;
}
