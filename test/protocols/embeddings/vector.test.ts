import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeBase64, shapeVector } from "../../../src/protocols/embeddings/vector.ts";

function lengthOf(vector: Float32Array): number {
  return Math.hypot(...vector);
}

const numbers = fc.array(fc.float({ min: Math.fround(-1e6), max: Math.fround(1e6), noNaN: true }), {
  minLength: 1,
  maxLength: 64,
});

describe("a vector", () => {
  it("has the length 1, also when shortened, and keeps its direction", () => {
    fc.assert(
      fc.property(numbers, fc.integer({ min: 1, max: 64 }), (values, dimensions) => {
        const vector = Float32Array.from(values);
        const shaped = shapeVector(vector, dimensions);
        const kept = vector.subarray(0, dimensions);
        const length = lengthOf(kept);
        // The squares of such small numbers underflow to 0.
        fc.pre(length > 1e-20);
        expect(shaped).toHaveLength(Math.min(dimensions, vector.length));
        expect(lengthOf(shaped)).toBeCloseTo(1, 5);
        for (const [index, value] of shaped.entries()) {
          expect(Math.abs(value - (kept[index] ?? 0) / length)).toBeLessThan(1e-5);
        }
      }),
    );
  });

  it("stays zero if it is zero, and is refused if it is not finite", () => {
    expect(shapeVector(new Float32Array(3), undefined)).toEqual(new Float32Array(3));
    expect(() => shapeVector(Float32Array.of(1, Number.NaN), undefined)).toThrow("not finite");
    expect(() => shapeVector(Float32Array.of(Number.POSITIVE_INFINITY), undefined)).toThrow("not finite");
  });

  it("is not modified", () => {
    const vector = Float32Array.of(3, 4);
    expect(shapeVector(vector, undefined)).toEqual(Float32Array.of(0.6, 0.8));
    expect(vector).toEqual(Float32Array.of(3, 4));
  });
});

describe("base64", () => {
  it("holds little-endian 32-bit floats", () => {
    expect(encodeBase64(Float32Array.of(1, -2))).toBe(Buffer.from("0000803f000000c0", "hex").toString("base64"));
  });

  it("decodes to the very same numbers", () => {
    fc.assert(
      fc.property(numbers, (values) => {
        const vector = Float32Array.from(values);
        const bytes = Buffer.from(encodeBase64(vector), "base64");
        const decoded = Float32Array.from(vector, (_, index) => bytes.readFloatLE(4 * index));
        expect(decoded).toEqual(vector);
      }),
    );
  });
});
