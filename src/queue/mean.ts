/** A mean in which older values weigh less and less. */
export type Mean = {
  /** Undefined until there is a value. */
  readonly value: number | undefined;
  add(value: number): void;
};

/** The weight of the newest value. About the last 20 count: few enough to follow a change, and enough not to be misled by one value. */
const NEWEST_WEIGHT = 1 / 20;

/**
 * @param weight of the newest value, 0 to 1; the first few values count evenly, until that is less
 * @param start the initial value, which counts like a long past
 */
export function createMean(weight = NEWEST_WEIGHT, start?: number): Mean {
  let value = start;
  let count = start === undefined ? 0 : Math.ceil(1 / weight);
  return {
    get value() {
      return value;
    },
    add(next) {
      count += 1;
      value = value === undefined ? next : value + Math.max(weight, 1 / count) * (next - value);
    },
  };
}

/** A ratio of two sums in which older values weigh less and less: large pairs count for more than small ones. */
export type Ratio = {
  /** Undefined until there is a pair. */
  readonly value: number | undefined;
  add(numerator: number, denominator: number): void;
};

/** About the last 20 pairs count. @param prior a pair that always counts */
export function createRatio(prior = { above: 0, below: 0 }): Ratio {
  let above = 0;
  let below = 0;
  return {
    get value() {
      const sum = below + prior.below;
      return sum > 0 ? (above + prior.above) / sum : undefined;
    },
    add(numerator, denominator) {
      above = (1 - NEWEST_WEIGHT) * above + numerator;
      below = (1 - NEWEST_WEIGHT) * below + denominator;
    },
  };
}
