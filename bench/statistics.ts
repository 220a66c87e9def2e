import { quantile, type Random, seededRandom } from "../src/what-if/numbers.ts";

export { quantile, type Random, seededRandom };

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

export type Spread = {
  readonly median: number;
  /** The quartiles: half of the values lie between them. */
  readonly low: number;
  readonly high: number;
  readonly count: number;
};

/** Median and quartiles. */
export function spread(values: readonly number[]): Spread {
  return {
    median: median(values),
    low: quantile(values, 0.25),
    high: quantile(values, 0.75),
    count: values.length,
  };
}

/** An estimate and the interval that holds it with 95 % confidence. */
export type Estimate = { readonly value: number; readonly low: number; readonly high: number };

const RESAMPLES = 2_000;
const RESAMPLING_SEED = 1;

/**
 * The median of the rounds, with a percentile bootstrap interval (Efron). With few rounds the interval is about as wide as the rounds
 * lie apart. A single round has none: NaN.
 */
export function bootstrapMedian(values: readonly number[]): Estimate {
  const random = seededRandom(RESAMPLING_SEED);
  const medians = Array.from({ length: values.length > 1 ? RESAMPLES : 0 }, () =>
    median(values.map(() => values[Math.floor(random() * values.length)] ?? Number.NaN)),
  );
  const value = median(values);
  if (medians.length === 0) return { value, low: Number.NaN, high: Number.NaN };
  return { value, low: quantile(medians, 0.025), high: quantile(medians, 0.975) };
}

/**
 * Ours ÷ theirs. The two measurements of a round run right after each other, so other load on the machine affects both. Each round gives one
 * ratio; the estimate is their median.
 */
export function pairedRatio(ours: readonly number[], theirs: readonly number[]): Estimate {
  return bootstrapMedian(pair(ours, theirs, (a, b) => a / b));
}

/** Ours − theirs, round by round, as in `pairedRatio`. */
export function pairedDifference(ours: readonly number[], theirs: readonly number[]): Estimate {
  return bootstrapMedian(pair(ours, theirs, (a, b) => a - b));
}

function pair(ours: readonly number[], theirs: readonly number[], combine: (a: number, b: number) => number): number[] {
  return ours.flatMap((value, index) => {
    const other = theirs[index];
    return other === undefined ? [] : [combine(value, other)];
  });
}
