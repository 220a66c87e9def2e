/** How many values were up to each bound, and above the last one, and their sum. */
export type Counted = { readonly counts: readonly number[]; readonly sum: number };

/** What the steps of an engine were. Times are in seconds, counted by `STEP_SECONDS`. */
export type StepCounts = {
  /** Between two tokens of one sequence. */
  readonly betweenTokens: Counted;
  /** How long each decoding step took. */
  readonly decodes: Counted;
  /** How many sequences each of them had, counted by `STEP_SEQUENCES`. */
  readonly sequences: Counted;
  /** How long each call for a piece of a prompt took. */
  readonly prefills: Counted;
  /** Tokens of prompts that were not evaluated again, by where they were found. */
  readonly reused: { readonly slot: number; readonly file: number };
};

/** The bounds, in seconds: from the step of a small model on a GPU to the largest piece of a prompt on a slow processor. */
export const STEP_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12];

/** The bounds of sequences in a step. */
export const STEP_SEQUENCES = [1, 2, 4, 8, 16, 32, 64, 128];

/** Values that are counted by bounds. */
export type Counter = {
  readonly counts: Float64Array;
  sum: number;
};

export function createCounter(bounds: readonly number[]): Counter {
  return { counts: new Float64Array(bounds.length + 1), sum: 0 };
}

/** Counts a value, as often as it is there. */
export function countValue(counter: Counter, bounds: readonly number[], value: number, times = 1): void {
  let at = 0;
  while (at < bounds.length && value > (bounds[at] ?? 0)) at += 1;
  counter.counts[at] = (counter.counts[at] ?? 0) + times;
  counter.sum += value * times;
}
