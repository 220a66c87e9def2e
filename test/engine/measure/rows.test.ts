import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { divergenceOf, lossOf, readRow } from "../../../src/engine/measure/rows.ts";

/** Logits of these probabilities. */
function rowOf(...probabilities: readonly number[]) {
  return readRow(Float32Array.from(probabilities, (probability) => Math.log(probability)));
}

const logits = fc.array(fc.double({ min: -30, max: 30, noNaN: true }), { minLength: 1, maxLength: 50 });

describe("A row of logits", () => {
  test("gives a token's loss in nats, and the most likely token", () => {
    const row = rowOf(0.5, 0.25, 0.25);
    expect(row.top).toBe(0);
    expect(lossOf(row, 0)).toBeCloseTo(Math.log(2), 6);
    expect(lossOf(row, 1)).toBeCloseTo(Math.log(4), 6);
  });

  test("gives the same losses whatever is added to all logits, also where exp would overflow", () => {
    const row = readRow(Float32Array.of(1000, 1000 + Math.log(3)));
    expect(lossOf(row, 0)).toBeCloseTo(Math.log(4), 4);
    expect(lossOf(readRow(Float32Array.of(-2000, -2000)), 1)).toBeCloseTo(Math.log(2), 6);
  });

  test("counts a token that is ruled out as a number, so that a mean stays one", () => {
    const row = readRow(Float32Array.of(0, Number.NEGATIVE_INFINITY));
    expect(lossOf(row, 1)).toBe(9999);
    expect(divergenceOf(row, row)).toBe(0);
    expect(Number.isFinite(divergenceOf(rowOf(0.5, 0.5), row))).toBe(true);
  });

  test("diverges from another by the definition: the sum of p log(p/q)", () => {
    expect(divergenceOf(rowOf(0.5, 0.5), rowOf(0.25, 0.75))).toBeCloseTo(
      0.5 * Math.log(0.5 / 0.25) + 0.5 * Math.log(0.5 / 0.75),
      6,
    );
  });

  test("diverges by nothing from itself and never by less than nothing", () => {
    fc.assert(
      fc.property(logits, logits, (one, other) => {
        const size = Math.min(one.length, other.length);
        const [a, b] = [one, other].map((each) => readRow(Float32Array.from(each.slice(0, size))));
        if (a === undefined || b === undefined) return;
        expect(divergenceOf(a, a)).toBeLessThan(1e-9);
        expect(divergenceOf(a, b)).toBeGreaterThanOrEqual(0);
      }),
    );
  });

  test("has losses whose probabilities add up to 1", () => {
    fc.assert(
      fc.property(logits, (given) => {
        const row = readRow(Float32Array.from(given));
        const sum = given.reduce((total, _, token) => total + Math.exp(-lossOf(row, token)), 0);
        expect(sum).toBeCloseTo(1, 6);
      }),
    );
  });
});
