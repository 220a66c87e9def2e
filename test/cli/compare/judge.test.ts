import { describe, expect, test } from "vitest";
import { judge } from "../../../src/cli/compare/judge.ts";
import { toBlocks } from "../../../src/cli/compare/quality.ts";

/** Tokens of four bytes, each predicted with this probability. */
function scored(
  probabilities: readonly number[],
  more: { readonly isCompared?: boolean; readonly bytes?: number } = {},
) {
  const { isCompared = true, bytes = 4 } = more;
  const tokens = probabilities.map((each) => ({ loss: -Math.log(each), bytes, divergence: 0.5, agreed: 1 }));
  return { blocks: toBlocks(tokens), tokens: tokens.length, isCompared };
}

const many = (probability: number, count = 256): readonly number[] => Array(count).fill(probability);

describe("The quality of models", () => {
  test("has the perplexity and the bits of a byte that follow from the tokens' probabilities", () => {
    // Of four tokens two have a half and two an eighth: the mean loss is ln 4, so the perplexity is 4, and 2 bits go on 4 bytes.
    const [quality] = judge([scored(Array.from({ length: 256 }, (_, index) => (index % 2 === 0 ? 0.5 : 0.125)))]);
    expect(quality?.perplexity.value).toBeCloseTo(4, 9);
    expect(quality?.bitsPerByte.value).toBeCloseTo(0.5, 9);
    expect(quality?.divergence?.value).toBeCloseTo(0.5, 9);
    expect(quality?.rise).toEqual({ value: 0, low: 0, high: 0 });
  });

  test("compares each with the best, which need not be the reference", () => {
    const [reference, best] = judge([scored(many(0.25)), scored(many(0.26))]);
    expect(best?.rise.value).toBe(0);
    expect(reference?.rise.value).toBeCloseTo(0.26 / 0.25 - 1, 9);
    expect(reference?.rise.low).toBeCloseTo(reference?.rise.high ?? 0, 9);
  });

  test("compares models with other tokens by what they make of a byte, and gives them no KL", () => {
    // Twice as many tokens of half the length, each with the root of the probability, say as much of the text.
    const [, other] = judge([scored(many(0.25)), scored(many(0.5, 512), { isCompared: false, bytes: 2 })]);
    expect(other?.perplexity.value).toBeCloseTo(2, 9);
    expect(other?.bitsPerByte.value).toBeCloseTo(0.5, 9);
    expect(other?.rise.value).toBeCloseTo(0, 9);
    expect(other).not.toHaveProperty("divergence");
  });

  test("is unknown for a text that is too short for an interval", () => {
    expect(judge([scored(many(0.5, 64))])).toEqual([undefined]);
    expect(judge([scored([])])).toEqual([undefined]);
  });
});
