import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { bootstrap, median, spread } from "../../../src/cli/compare/statistics.ts";

function meanOf(values: readonly number[]) {
  return (drawn: readonly number[]) => drawn.reduce((sum, index) => sum + (values[index] ?? 0), 0) / drawn.length;
}

describe("A median", () => {
  test("is the middle value, or the mean of the two in the middle", () => {
    expect(median([5, 1, 3])).toBe(3);
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(spread([5, 1, 3])).toEqual({ value: 3, low: 1, high: 5 });
  });
});

describe("A bootstrap", () => {
  test("has the statistic of all blocks within its interval, and the interval within the blocks' range", () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: -100, max: 100, noNaN: true }), { minLength: 1, maxLength: 12 }),
        (values) => {
          const { value, low, high } = bootstrap(values.length, meanOf(values));
          expect(value).toBeCloseTo(values.reduce((sum, each) => sum + each, 0) / values.length, 6);
          expect(low).toBeLessThanOrEqual(value);
          expect(high).toBeGreaterThanOrEqual(value);
          expect(low).toBeGreaterThanOrEqual(Math.min(...values) - 1e-9);
          expect(high).toBeLessThanOrEqual(Math.max(...values) + 1e-9);
        },
      ),
      { numRuns: 20 },
    );
  });

  test("has an interval without width if all blocks are the same", () => {
    expect(bootstrap(8, meanOf(Array(8).fill(2)))).toEqual({ value: 2, low: 2, high: 2 });
  });

  test("has the interval that the normal distribution gives a mean of many blocks", () => {
    const values = Array.from({ length: 100 }, (_, index) => ((index * 37) % 100) / 100);
    const { value, low, high } = bootstrap(values.length, meanOf(values));
    const deviation = Math.sqrt(values.reduce((sum, each) => sum + (each - value) ** 2, 0) / values.length);
    expect(high - low).toBeGreaterThan(0.93 * 2 * 1.96 * (deviation / 10));
    expect(high - low).toBeLessThan(1.07 * 2 * 1.96 * (deviation / 10));
  });

  test("draws the same blocks each time, so that two models are compared on the same ones", () => {
    const values = [3, 1, 4, 1, 5, 9, 2, 6];
    const shifted = bootstrap(8, (drawn) => meanOf(values.map((each) => each + 1))(drawn) - meanOf(values)(drawn));
    expect(shifted.low).toBeCloseTo(1, 9);
    expect(shifted.high).toBeCloseTo(1, 9);
  });
});
