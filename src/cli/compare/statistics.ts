/** An estimate, and an interval that holds the true value in 95 of 100 cases. */
export type Estimate = { readonly value: number; readonly low: number; readonly high: number };

/** Intervals of percentiles change by about a hundredth of their width from one seed to another. */
const RESAMPLES = 2_000;
const LOW = 0.025;
const HIGH = 0.975;

/** The middle value, or the mean of the two in the middle; NaN for none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
}

/** The median of repeats, and their range. */
export function spread(values: readonly number[]): Estimate {
  return { value: median(values), low: Math.min(...values), high: Math.max(...values) };
}

/**
 * A block bootstrap: draws the blocks of a text again with replacement, and takes the percentiles of what `of` makes of the draws. Blocks of
 * neighbouring tokens stay together, because what is hard in one place is hard for all of them. The same seed gives the same draws, so what two
 * models make of one text is compared in pairs.
 *
 * @param of a statistic of some of the blocks, which are numbered from 0
 */
export function bootstrap(blocks: number, of: (drawn: readonly number[]) => number, seed = 1): Estimate {
  const all = Array.from({ length: blocks }, (_, block) => block);
  const value = of(all);
  const random = createRandom(seed);
  const draws = Array.from({ length: RESAMPLES }, () => of(all.map(() => Math.floor(random() * blocks))));
  draws.sort((a, b) => a - b);
  const at = (share: number) => draws[Math.min(RESAMPLES - 1, Math.floor(share * RESAMPLES))] ?? value;
  return { value, low: Math.min(value, at(LOW)), high: Math.max(value, at(HIGH)) };
}

/** Numbers from 0 to 1, 1 excluded: an LCG with Knuth's MMIX constants, of which the upper 32 bits are used. */
function createRandom(seed: number): () => number {
  let state = BigInt(seed);
  return () => {
    state = BigInt.asUintN(64, state * 6_364_136_223_846_793_005n + 1_442_695_040_888_963_407n);
    return Number(state >> 32n) / 2 ** 32;
  };
}
