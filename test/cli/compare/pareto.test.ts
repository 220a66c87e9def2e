import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { findFront, placeModels } from "../../../src/cli/compare/pareto.ts";
import { modelOf } from "./support.ts";

const spot = fc.record({
  id: fc.string(),
  loss: fc.integer({ min: 0, max: 8 }),
  speed: fc.integer({ min: 0, max: 8 }),
});

describe("The Pareto front", () => {
  test("has exactly those that no other beats", () => {
    fc.assert(
      fc.property(fc.array(spot, { maxLength: 12 }), (spots) => {
        const front = findFront(spots);
        const beats = (one: (typeof spots)[number], other: (typeof spots)[number]) =>
          one.loss <= other.loss && one.speed >= other.speed && (one.loss < other.loss || one.speed > other.speed);
        for (const each of spots) {
          expect(front.some((better) => beats(better, each))).toBe(!front.includes(each));
        }
      }),
    );
  });

  test("goes from the fastest to the best", () => {
    fc.assert(
      fc.property(fc.array(spot, { maxLength: 12 }), (spots) => {
        const front = findFront(spots);
        for (const [index, each] of front.entries()) {
          const next = front[index + 1];
          if (next !== undefined) expect(next.speed < each.speed || next.loss === each.loss).toBe(true);
        }
      }),
    );
  });

  test("measures by the KL if all models have one, else by the bits per byte", () => {
    const one = modelOf("one", { speed: 1, sizeBytes: 1, divergence: 0 });
    const two = modelOf("two", { speed: 2, sizeBytes: 1, rise: 0.5, divergence: 0.25 });
    const three = modelOf("three", { speed: 3, sizeBytes: 1, rise: 0.75 });
    expect(placeModels([one, two])).toMatchObject({ measure: "divergence", spots: [{ loss: 0 }, { loss: 0.25 }] });
    expect(placeModels([one, two, three])).toMatchObject({
      measure: "bits per byte",
      spots: [{ loss: 1 }, { loss: 1.5 }, { loss: 1.75 }],
    });
  });
});
