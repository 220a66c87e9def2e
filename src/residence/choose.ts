/** A process in memory, as far as the choice depends on it. */
export type Occupant = {
  readonly id: string;
  readonly bytes: number;
  /** Since its last request ended. */
  readonly idleMs: number;
  /** How long it takes to load again. */
  readonly loadMs: number;
};

/** Idle time counts at least this much, so that of two that were just used the one that loads faster goes. */
const LEAST_IDLE_MS = 1;

/**
 * How little an idle process is worth: its idle time, in units of the time that loading it again takes. What was idle for a hundred loads is
 * not likely to be missed before it has paid for its room.
 */
export function uselessness({ idleMs, loadMs }: Pick<Occupant, "idleMs" | "loadMs">): number {
  return Math.max(LEAST_IDLE_MS, idleMs) / Math.max(1, loadMs);
}

/**
 * Chooses which of the idle processes are put out to free `lackingBytes`: the least valuable first, and none without which it is enough.
 * Undefined if all of them together are not enough.
 */
export function choosePutOut(idle: readonly Occupant[], lackingBytes: number): readonly string[] | undefined {
  const chosen: Occupant[] = [];
  let freed = 0;
  for (const occupant of idle.toSorted((one, other) => uselessness(other) - uselessness(one))) {
    if (freed >= lackingBytes) break;
    chosen.push(occupant);
    freed += occupant.bytes;
  }
  if (freed < lackingBytes) return undefined;
  // A small one may have been chosen before a large one that is enough alone. The most valuable is spared first.
  const needed = chosen.toReversed().filter(({ bytes }) => {
    if (freed - bytes < lackingBytes) return true;
    freed -= bytes;
    return false;
  });
  return needed.toReversed().map(({ id }) => id);
}
