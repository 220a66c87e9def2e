import type { Counted, StepCounts } from "../../generation/step-counts.ts";

/** What all steps of an engine were, whatever process they ran in. */
export type StepTotals = {
  readonly add: (steps: StepCounts) => void;
  /** Undefined before the first step. */
  readonly total: () => StepCounts | undefined;
};

export function createStepTotals(): StepTotals {
  let total: StepCounts | undefined;
  return {
    add(steps) {
      total = sumSteps(total === undefined ? [steps] : [total, steps]);
    },
    total: () => total,
  };
}

/** What all of them were; undefined without any. */
export function sumSteps(all: readonly StepCounts[]): StepCounts | undefined {
  const [first, ...others] = all;
  return first && others.reduce(sum, first);
}

function sum(one: StepCounts, other: StepCounts): StepCounts {
  return {
    betweenTokens: sumCounted(one.betweenTokens, other.betweenTokens),
    decodes: sumCounted(one.decodes, other.decodes),
    sequences: sumCounted(one.sequences, other.sequences),
    prefills: sumCounted(one.prefills, other.prefills),
    reused: { slot: one.reused.slot + other.reused.slot, file: one.reused.file + other.reused.file },
  };
}

function sumCounted(one: Counted, other: Counted): Counted {
  return { counts: one.counts.map((count, at) => count + (other.counts[at] ?? 0)), sum: one.sum + other.sum };
}
