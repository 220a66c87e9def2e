import fc from "fast-check";
import { expect, test } from "vitest";
import {
  bootstrapMedian,
  median,
  pairedDifference,
  pairedRatio,
  quantile,
  seededRandom,
  spread,
} from "../../bench/statistics.ts";

test("a quantile is interpolated between its neighbours", () => {
  // NumPy: np.percentile([15, 20, 35, 40, 50], [40, 95]) gives 29 and 48.
  expect(quantile([50, 15, 40, 20, 35], 0.4)).toBeCloseTo(29);
  expect(quantile([50, 15, 40, 20, 35], 0.95)).toBeCloseTo(48);
});

test("a quantile lies between the least and the greatest value and grows with its share", () => {
  const values = fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { minLength: 1 });
  const share = fc.double({ min: 0, max: 1, noNaN: true });
  fc.assert(
    fc.property(values, share, share, (numbers, a, b) => {
      const [low, high] = [quantile(numbers, Math.min(a, b)), quantile(numbers, Math.max(a, b))];
      expect(low).toBeGreaterThanOrEqual(Math.min(...numbers));
      expect(high).toBeLessThanOrEqual(Math.max(...numbers));
      expect(low).toBeLessThanOrEqual(high);
    }),
  );
});

test("nothing has no median", () => {
  expect(median([])).toBeNaN();
});

test("against nothing at all a ratio is infinite, and neither it nor its median is lost", () => {
  expect(pairedRatio([2], [0]).value).toBe(Number.POSITIVE_INFINITY);
  expect(pairedRatio([0], [0]).value).toBeNaN();
});

test("a spread is the median and the quartiles", () => {
  expect(spread([5, 1, 3, 2, 4])).toEqual({ median: 3, low: 2, high: 4, count: 5 });
});

test("one outlier moves neither the median nor its interval to itself", () => {
  const { value, low, high } = bootstrapMedian([10, 11, 10, 9, 10, 11, 9, 10, 10, 1000]);
  expect(value).toBe(10);
  expect(low).toBeGreaterThanOrEqual(9);
  expect(high).toBeLessThanOrEqual(11);
});

test("an interval covers the true median about as often as it says", () => {
  const random = seededRandom(7);
  const trials = 50;
  let covered = 0;
  for (let trial = 0; trial < trials; trial++) {
    const { low, high } = bootstrapMedian(Array.from({ length: 15 }, () => random()));
    if (low <= 0.5 && high >= 0.5) covered += 1;
  }
  expect(covered / trials).toBeGreaterThan(0.85);
});

test("a single round gives an estimate without an interval", () => {
  expect(bootstrapMedian([3])).toEqual({ value: 3, low: Number.NaN, high: Number.NaN });
});

test("a ratio compares the two of each round, so a slow spell that hits both leaves it alone", () => {
  const theirs = [100, 10, 50, 80, 20];
  const ours = theirs.map((value) => value * 1.5);
  expect(pairedRatio(ours, theirs)).toEqual({ value: 1.5, low: 1.5, high: 1.5 });
});

test("a difference compares the two of each round", () => {
  expect(pairedDifference([110, 60, 30], [100, 50, 20])).toEqual({ value: 10, low: 10, high: 10 });
});

test("rounds that only one side has are left out", () => {
  expect(pairedRatio([2, 4, 99], [1, 2]).value).toBe(2);
});

test("the same seed draws the same numbers, evenly between 0 and 1", () => {
  const draw = (seed: number) => {
    const random = seededRandom(seed);
    return Array.from({ length: 1000 }, random);
  };
  const drawn = draw(1);
  expect(drawn).toEqual(draw(1));
  expect(drawn).not.toEqual(draw(2));
  expect(Math.min(...drawn)).toBeGreaterThanOrEqual(0);
  expect(Math.max(...drawn)).toBeLessThan(1);
  expect(median(drawn)).toBeCloseTo(0.5, 1);
});
