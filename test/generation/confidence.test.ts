import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { confidenceOf, createConfidenceMeter, isSure } from "../../src/generation/confidence.ts";

/** Tokens of these texts. */
function tokens(...texts: readonly (readonly [text: string, logprob: number])[]) {
  return texts.map(([text, logprob]) => ({ bytes: [...Buffer.from(text)], logprob }));
}

function confidence(isStructured: boolean, ...texts: readonly (readonly [string, number])[]) {
  const meter = createConfidenceMeter(isStructured);
  meter.note(tokens(...texts));
  return confidenceOf([meter]);
}

describe("the confidence in an answer", () => {
  it("is the mean and the least of its tokens' log-probabilities", () => {
    expect(confidence(false, ["It", -1], [" is", -3], [".", -2])).toEqual({ mean: -2, least: -3 });
    expect(confidence(false)).toBeUndefined();
  });

  it("is that of all choices together", () => {
    const meters = [-1, -2, -6].map((logprob) => {
      const meter = createConfidenceMeter(false);
      meter.note(tokens(["x", logprob]));
      return meter;
    });
    expect(confidenceOf(meters)).toEqual({ mean: -3, least: -6 });
  });

  it("leaves out what the format of JSON decides: brackets, commas and names of members", () => {
    const sure = confidence(
      true,
      ...([
        ['{"', -9],
        ["na", -9],
        ['me"', -9],
        [': "', -9],
      ] as const),
      ...([
        ["Ad", -1],
        ['a"', -0.5],
        [', "a', -9],
        ['ge": ', -9],
      ] as const),
      ...([
        ["36", -0.25],
        [", ", -9],
        ['"ok":', -9],
        ["true", -0.25],
        ["}", -9],
      ] as const),
    );
    expect(sure).toEqual({ mean: -0.5, least: -1 });
  });

  it("counts a token that is partly a value, escaped quotes in strings, and elements of lists", () => {
    expect(confidence(true, ['{"a":["x', -1], ['\\"', -2], ["y", -3], ['","z"]}', -4])).toEqual({
      mean: -2.5,
      least: -4,
    });
  });

  it("counts text outside of JSON, such as that of an answer that makes no call", () => {
    expect(confidence(true, ["Hello,", -1], [" you", -2])).toEqual({ mean: -1.5, least: -2 });
    expect(confidence(true, ["<tool_call>", -1], ['{"name":', -9], [' "f"', -3], ["}", -9])).toEqual({
      mean: -2,
      least: -3,
    });
  });

  it("is the same however the text is cut into tokens, if they are equally likely", () => {
    const json = fc.jsonValue().map((value) => JSON.stringify({ value }));
    const cuts = fc.array(fc.nat(200), { maxLength: 20 });
    fc.assert(
      fc.property(json, cuts, (text, places) => {
        const bytes = [...Buffer.from(text)];
        const ends = [...new Set(places.map((place) => place % bytes.length))].sort((a, b) => a - b);
        const whole = createConfidenceMeter(true);
        whole.note([{ bytes, logprob: -1 }]);
        const cut = createConfidenceMeter(true);
        let from = 0;
        for (const end of [...ends, bytes.length]) {
          cut.note([{ bytes: bytes.slice(from, end), logprob: -1 }]);
          from = end;
        }
        expect(confidenceOf([cut])).toEqual(confidenceOf([whole]));
      }),
    );
  });

  it("must reach each threshold that is given", () => {
    expect(isSure({ mean: -1, least: -5 }, { mean: -1, least: -5 })).toBe(true);
    expect(isSure({ mean: -1.01, least: -5 }, { mean: -1 })).toBe(false);
    expect(isSure({ mean: -1, least: -5.01 }, { least: -5 })).toBe(false);
  });
});
