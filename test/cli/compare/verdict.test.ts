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

  test("counts a perplexity that can't be told from the best as as good", () => {
    const rise = { value: 0.012, low: -0.004, high: 0.028 };
    const models = [q8, modelOf("Q6_K", { speed: 12, sizeBytes: 6 * GIB, rise, divergence: 0.004 })];
    expect(decide(models, "Q8_0").take).toBe("Q6_K");
  });

  test("doesn't count an interval that tells nothing as a tie", () => {
    const rise = { value: 0.1, low: -0.1, high: 0.3 };
    const models = [q8, modelOf("Q2_K", { speed: 25, sizeBytes: 3 * GIB, rise, divergence: 0.4 })];
    expect(decide(models, "Q8_0").take).toBe("Q8_0");
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
