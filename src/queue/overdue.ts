import { PRIORITIES, type Priority } from "../generation/terms.ts";

/** A run that has taken many times what it should have, as far as who has to go depends on it. */
export type Overdue<T> = {
  readonly value: T;
  readonly tenant: string;
  readonly priority: Priority;
  /** Slots that it holds. */
  readonly sequences: number;
  /** For how long it has held slots, in this turn and in earlier ones. */
  readonly hadMs: number;
  /** It was set aside before. */
  readonly isAgain: boolean;
};

/** One that waits for a slot, and may have a run set aside. */
export type Claimant = {
  readonly tenant: string;
  readonly priority: Priority;
  /** For how long it is likely to hold slots; 0 where it was set aside itself, since they take turns. */
  readonly takesMs: number;
  /** Slots that its tenant holds. */
  readonly held: number;
  /** It was set aside itself, and would have the place of another of the kind. */
  readonly isAgain: boolean;
};

/** One that has taken so many times what it should have is overdue. */
const OVERDUE = 4;

/** Nothing is set aside that has run for less, so that what it costs to take it up again stays small. */
const LEAST_TURN_MS = 2_000;

/** What surely ends within this time is waited for: to set it aside would cost it more than it gives to others. */
const NEAR_MS = 30_000;

/** Others have the slot of one that was set aside for as long as it had had it, but no longer than this. */
const MOST_PAUSE_MS = 10_000;

/** Of the slots, this share may be held by runs without an end in sight: who waits for the others waits twice as long at most. */
const ENDLESS_SHARE = 1 / 2;

/** How many slots runs without an end in sight may keep while others wait. */
export function keptSlots(limit: number): number {
  return Math.floor(ENDLESS_SHARE * limit);
}

/** When a run that is likely to take `likelyMs` is overdue, in ms since it began. */
export function dueAfterMs(likelyMs: number): number {
  return Math.max(LEAST_TURN_MS, OVERDUE * likelyMs);
}

/** The same for one that was set aside before, and took `catchUpMs` to come to where it was: then it makes good use of that. */
export function dueAgainAfterMs(catchUpMs: number): number {
  return LEAST_TURN_MS + 2 * catchUpMs;
}

/** For how long one is set aside at most that held its slots for `turnMs`, as long as others are not in its place. */
export function pauseMs(turnMs: number): number {
  return Math.min(Math.max(turnMs, LEAST_TURN_MS), MOST_PAUSE_MS);
}

/**
 * Whether a run is about to end by its bound. One that is far beyond what its bound should have taken has none that is known.
 *
 * @param leftMs until it has said as much as it may, as far as its speed is known; below 0 where it should have
 */
export function endsSoon(leftMs: number): boolean {
  return Math.abs(leftMs) <= NEAR_MS;
}

/**
 * Who has to go for one that waits: nobody as long as half of the slots turn over, nobody of a higher class, nobody who has had less than the one
 * that waits is likely to take, and nobody of another tenant where its own holds a fair share already. Of the others one of the lowest class, of
 * the tenant that holds most, that has had most.
 *
 * @param overdue all that are overdue and have no end in sight
 * @param of how many slots there are, among how many tenants, and how many don't turn over for it: they are kept
 *   free from it, or held by runs without an end in sight, overdue or not yet again
 */
export function chooseOverdue<T>(
  overdue: readonly Overdue<T>[],
  { tenant, priority, takesMs, held, isAgain }: Claimant,
  of: { readonly limit: number; readonly tenants: number; readonly endless: number },
): T | undefined {
  const rank = PRIORITIES.indexOf(priority);
  const isMany = of.endless > keptSlots(of.limit);
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
