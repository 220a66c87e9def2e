import fc from "fast-check";
import { expect, test } from "vitest";
import { evenPieces, joinMeans } from "../../../src/engine/llama/pooling.ts";

test("pieces cover the text, and none exceeds the limit or is a single token", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5_000 }), fc.integer({ min: 2, max: 512 }), (length, limit) => {
      const pieces = evenPieces(length, limit);
      expect(pieces.reduce((sum, piece) => sum + piece, 0)).toBe(length);
      expect(Math.max(...pieces)).toBeLessThanOrEqual(limit);
      expect(Math.max(...pieces) - Math.min(...pieces)).toBeLessThanOrEqual(1);
    }),
  );
});

test("a text that fits is a single piece", () => {
  expect(evenPieces(128, 128)).toEqual([128]);
  expect(evenPieces(129, 128)).toEqual([64, 65]);
});

test("the mean of a text weighs each piece by its tokens", () => {
  const pieces = [
    { tokens: 3, mean: Float64Array.of(1, 0) },
    { tokens: 1, mean: Float64Array.of(5, 4) },
  ];
  expect(joinMeans(pieces)).toEqual(Float32Array.of(2, 1));
});
