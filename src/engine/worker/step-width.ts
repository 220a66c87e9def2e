import type { Work } from "./plan.ts";

/** Learns how long steps take, to keep the native calls of a step short. */
export type StepWidth = {
  /** Divides a step into calls of about `maxMs` at most: as few as that allows, and one if shorter ones would take as long. */
  readonly split: (step: readonly Work[], maxMs: number) => readonly (readonly Work[])[];
  /** A call with so many sequences took so long. */
  readonly record: (sequences: number, ms: number) => void;
};

/** The weight of the newest call in the running mean. */
const NEWEST_WEIGHT = 0.25;
/** If half of the sequences take more than this share of the time of all, the time doesn't depend on their number. */
const NO_GAIN = 0.8;

export function createStepWidth(): StepWidth {
  /** The time of a call by its number of sequences. */
  const known = new Map<number, number>();

  /** Where it was not measured, in proportion to the next larger number that was, else to the next smaller one. */
  function expectMs(sequences: number): number | undefined {
    const measured = known.get(sequences);
    if (measured !== undefined) return measured;
    const counts = [...known.keys()].sort((one, other) => one - other);
    const next = counts.find((count) => count > sequences) ?? counts.at(-1);
    const ms = next === undefined ? undefined : known.get(next);
    return next === undefined || ms === undefined ? undefined : (ms * sequences) / next;
  }

  function widthOf(sequences: number, maxMs: number): number {
    let width = sequences;
    while (width > 1) {
      const ms = expectMs(width);
      const half = Math.ceil(width / 2);
      const halfMs = known.get(half);
      if (ms === undefined || ms <= maxMs || (halfMs !== undefined && halfMs > ms * NO_GAIN)) break;
      width = half;
    }
    return width;
  }

  return {
    split(step, maxMs) {
      const width = widthOf(step.length, maxMs);
      return Array.from({ length: Math.ceil(step.length / width) }, (_, index) =>
        step.slice(index * width, (index + 1) * width),
      );
    },
    record(sequences, ms) {
      const before = known.get(sequences);
      known.set(sequences, before === undefined ? ms : before + NEWEST_WEIGHT * (ms - before));
    },
  };
}
