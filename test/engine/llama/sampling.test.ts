import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { samplerConfig } from "../../../src/engine/llama/sampling.ts";
import { PLAIN_SAMPLING } from "../../../src/generation/sampling.ts";

const off = { ...PLAIN_SAMPLING, seed: 7 };

describe("the sampler's configuration", () => {
  test("omits filters that are off, because the binding's defaults aren't OpenAI's", () => {
    expect(Object.keys(samplerConfig(off, [])([])).sort()).toEqual(["seed", "temperature"]);
    expect(samplerConfig({ ...off, temperature: 0, topP: 0.5 }, [])([])).toEqual({ temperature: 0 });
  });

  test("bans a token whose bias is −100, and adds the others", () => {
    const logitBias = [[5, -100] as const, [6, 2.5] as const];
    expect(samplerConfig({ ...off, logitBias }, [])([])).toMatchObject({
      tokenBiasKeys: Uint32Array.of(5, 6),
      tokenBiasValues: Float32Array.of(Number.NEGATIVE_INFINITY, 2.5),
    });
  });

  test("counts the answer for OpenAI's penalties, and prompt and answer for llama.cpp's", () => {
    const frequency = samplerConfig({ ...off, frequencyPenalty: 1 }, [1, 2]);
    expect(frequency([3])).toMatchObject({ repeatPenaltyTokens: Uint32Array.of(3), repeatPenaltyFrequencyPenalty: 1 });
    const repeat = samplerConfig({ ...off, repeatPenalty: 1.1 }, [1, 2]);
    expect(repeat([3])).toMatchObject({ repeatPenaltyTokens: Uint32Array.of(1, 2, 3), repeatPenaltyMaxTokens: 64 });
  });

  test("looks back as far as configured, and to the beginning for −1", () => {
    const window = (repeatLastTokens: number) =>
      samplerConfig({ ...off, repeatPenalty: 1.1, repeatLastTokens }, [1, 2])([3]);
    expect(window(2)).toMatchObject({ repeatPenaltyTokens: Uint32Array.of(2, 3), repeatPenaltyMaxTokens: 2 });
    expect(window(-1)).toMatchObject({ repeatPenaltyTokens: Uint32Array.of(1, 2, 3), repeatPenaltyMaxTokens: 3 });
    expect(window(0)).not.toHaveProperty("repeatPenalty");
  });

  test("bans some tokens always, and some until the minimum length", () => {
    const config = samplerConfig({ ...off, temperature: 0, minTokens: 2 }, [], { always: [5], early: [6] });
    expect(config([1]).tokenBiasKeys).toEqual(Uint32Array.of(5, 6));
    expect(config([1, 1]).tokenBiasKeys).toEqual(Uint32Array.of(5));
    // The same object for as long as nothing changes, so that it is set once.
    expect(config([1, 1, 1])).toBe(config([1, 1]));
  });

  test("excludes top choices (XTC) only with random sampling", () => {
    const xtc = { xtcProbability: 0.5, xtcThreshold: 0.2 };
    expect(samplerConfig({ ...off, ...xtc }, [])([])).toMatchObject(xtc);
    expect(samplerConfig({ ...off, ...xtc, temperature: 0 }, [])([])).toEqual({ temperature: 0 });
  });

  test("derives the seed of each sample from the seed and the token's index, and never uses llama.cpp's random seed value", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffff_ffff }), fc.nat(5000), (seed, index) => {
        const history = new Array<number>(index).fill(1);
        const drawn = samplerConfig({ ...off, seed }, [])(history).seed;
        expect(drawn).toBe(samplerConfig({ ...off, seed }, [9])(history).seed);
        expect(drawn).toBeLessThan(0xffff_ffff);
        expect(drawn).not.toBe(samplerConfig({ ...off, seed }, [])([...history, 1]).seed);
      }),
    );
  });
});
