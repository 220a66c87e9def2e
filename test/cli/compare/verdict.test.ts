import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decide } from "../../../src/cli/compare/verdict.ts";
import { modelOf } from "./support.ts";

const GIB = 2 ** 30;
const q8 = modelOf("Q8_0", { speed: 10, sizeBytes: 8 * GIB, divergence: 0 });

describe("The verdict", () => {
  test("takes the fastest of those that are within a percent of the best", () => {
    const models = [
      q8,
      modelOf("Q4_K_M", { speed: 17, sizeBytes: 5 * GIB, rise: 0.004, divergence: 0.012 }),
      modelOf("Q2_K", { speed: 25, sizeBytes: 3 * GIB, rise: 0.4, divergence: 0.4 }),
    ];
    expect(decide(models, "Q8_0")).toEqual({
      take: "Q4_K_M",
      sentence: "take Q4_K_M: KL 0.012 of Q8_0, 1.7 × as fast, 3.0 GiB less.",
    });
  });

  test("takes a worse one if the user says that it is good enough", () => {
    const models = [q8, modelOf("Q2_K", { speed: 25, sizeBytes: 3 * GIB, rise: 0.4, divergence: 0.4 })];
    expect(decide(models, "Q8_0").take).toBe("Q8_0");
    expect(decide(models, "Q8_0", 0.5).take).toBe("Q2_K");
  });

  test.each([
    { value: 0.083, low: -0.275, high: 0.618 },
    { value: 0.012, low: -0.004, high: 0.028 },
    { value: 0.009, low: 0.005, high: 0.013 },
  ])("says that the text is too short if a faster model's interval %j has the bound inside", (rise) => {
    const models = [q8, modelOf("Q6_K", { speed: 12, sizeBytes: 6 * GIB, rise, divergence: 0.004 })];
    expect(decide(models, "Q8_0")).toEqual({
      take: null,
      sentence:
        "The text is too short to tell whether Q6_K is within 1.0 % of the best: give a longer one with --text, or more --tokens.",
    });
  });

  test("takes one that is the answer whether or not an uncertain one is good enough, and claims no more", () => {
    const rise = { value: 0.083, low: -0.275, high: 0.618 };
    const models = [q8, modelOf("slow", { speed: 5, sizeBytes: 6 * GIB, rise })];
    expect(decide(models, "Q8_0")).toEqual({
      take: "Q8_0",
      sentence: "take Q8_0: no other that may be as good is faster.",
    });
  });

  test("is the same for whatever the uncertain models turn out to be, or none is taken", () => {
    const model = fc.record({
      speed: fc.integer({ min: 1, max: 6 }),
      spread: fc.integer({ min: 0, max: 2 }),
      sizeBytes: fc.integer({ min: 1, max: 6 }),
      state: fc.constantFrom("good", "worse", "open"),
      becomesGood: fc.boolean(),
    });
    const rises = {
      good: { value: 0, low: 0, high: 0 },
      worse: { value: 0.5, low: 0.4, high: 0.6 },
      open: { value: 0.01, low: -0.1, high: 0.2 },
    };
    fc.assert(
      fc.property(fc.array(model, { minLength: 2, maxLength: 6 }), (given) => {
        const build = (state: (each: (typeof given)[number]) => keyof typeof rises) =>
          given.map((each, index) =>
            modelOf(String(index), {
              ...{ speed: each.speed, sizeBytes: each.sizeBytes, rise: rises[state(each)] },
              speedRange: [each.speed - each.spread, each.speed + each.spread],
            }),
          );
        const { take } = decide(
          build(({ state }) => state),
          "0",
        );
        const known = decide(
          build(({ state, becomesGood }) => (state !== "open" ? state : becomesGood ? "good" : "worse")),
          "0",
        ).take;
        const sizeOf = (id: string | null) => (id === null ? undefined : given[Number(id)]?.sizeBytes);
        // Of equal sizes and rates it may be either.
        if (take !== null) expect(sizeOf(known)).toBe(sizeOf(take));
      }),
    );
  });

  test("takes the smaller of two whose rates can't be told apart", () => {
    const models = [
      q8,
      modelOf("Q6_K", { speed: 17.2, speedRange: [16, 18], sizeBytes: 6 * GIB, rise: 0.001, divergence: 0.002 }),
      modelOf("Q5_K_M", { speed: 16.5, speedRange: [15, 17], sizeBytes: 5 * GIB, rise: 0.002, divergence: 0.006 }),
    ];
    expect(decide(models, "Q8_0").take).toBe("Q5_K_M");
  });

  test("says of a model without a KL how its perplexity stands", () => {
    const models = [q8, modelOf("another", { speed: 20, sizeBytes: GIB, rise: 0.006 })];
    expect(decide(models, "Q8_0").sentence).toBe(
      "take another: perplexity 0.6 % above the best, 2.0 × as fast, 7.0 GiB less.",
    );
  });

  test("says that there is nothing to choose with one model, or where none was scored", () => {
    expect(decide([q8], "Q8_0")).toMatchObject({ take: null, sentence: expect.stringContaining("--quantize") });
    const { quality: _, ...unscored } = q8;
    expect(decide([unscored, { ...unscored, id: "other" }], "Q8_0").take).toBeNull();
  });
});
