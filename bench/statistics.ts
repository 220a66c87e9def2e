/** Returns a number in [0, 1) at each call. */
export type Random = () => number;

/** Mulberry32 (public domain, Tommy Ettinger): the same numbers for the same seed, on every machine. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * The value below which `share` of the values lie, interpolated between neighbours (type 7 of Hyndman and Fan, the default of R and
 * NumPy). NaN without values.
 */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const position = share * (sorted.length - 1);
  const below = sorted[Math.floor(position)];
  const above = sorted[Math.ceil(position)];
  if (below === undefined || above === undefined) return Number.NaN;
  // Also if both are infinite.
  if (below === above) return below;
  return below + (above - below) * (position - Math.floor(position));
}

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
