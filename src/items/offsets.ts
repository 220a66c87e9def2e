/** Which of a partition's items are done, so that it can be said up to where all are. */
export type Offsets = {
  /** Begins an item, unless it was begun before. Items come in their order; there may be gaps. */
  readonly begin: (offset: bigint) => boolean;
  readonly finish: (offset: bigint) => void;
  /** Where reading has to go on: all items before it are done. Undefined as long as that is where it began. */
  readonly position: () => bigint | undefined;
  /** How many are kept: those that aren't done, and those behind them. */
  readonly size: () => number;
};

export function createOffsets(): Offsets {
  /** Whether each is done, in their order. */
  const kept = new Map<bigint, boolean>();
  let position: bigint | undefined;
  return {
    begin(offset) {
      if (kept.has(offset) || (position !== undefined && offset < position)) return false;
      kept.set(offset, false);
      return true;
    },
    finish(offset) {
      if (!kept.has(offset)) return;
      kept.set(offset, true);
      for (const [first, isDone] of kept) {
        if (!isDone) break;
        kept.delete(first);
        position = first + 1n;
      }
    },
    position: () => position,
    size: () => kept.size,
  };
}
