import { describe, expect, it } from "vitest";
import type { Sampling } from "../../src/generation/request.ts";
import { PLAIN_SAMPLING } from "../../src/generation/sampling.ts";
import { decodeEnds, decodeSampling, type WireSampling } from "../../src/protocols/sampling.ts";

/** The request field for each sampling setting. A new setting without a line here fails to compile. */
const SAID = {
  temperature: [{ temperature: 0.5 }, { temperature: 0.5 }],
  topP: [{ top_p: 0 }, { topP: 0 }],
  topK: [{ top_k: -1 }, { topK: -1 }],
  minP: [{ min_p: 0 }, { minP: 0 }],
  repeatPenalty: [{ repeat_penalty: 1.2 }, { repeatPenalty: 1.2 }],
  repeatLastTokens: [{ repeat_last_n: 9 }, { repeatLastTokens: 9 }],
  presencePenalty: [{ presence_penalty: 0 }, { presencePenalty: 0 }],
  frequencyPenalty: [{ frequency_penalty: 1 }, { frequencyPenalty: 1 }],
  xtcProbability: [{ xtc_probability: 0.5 }, { xtcProbability: 0.5 }],
  xtcThreshold: [{ xtc_threshold: 0.2 }, { xtcThreshold: 0.2 }],
  logitBias: [{ logit_bias: { 7: 1 } }, { logitBias: [[7, 1]] }],
  allowedTokenIds: [{ allowed_token_ids: [3] }, { allowedTokenIds: [3] }],
  badWords: [{ bad_words: ["x", " "] }, { badWords: ["x"] }],
  minTokens: [{ min_tokens: 2 }, { minTokens: 2 }],
  ignoresEnd: [{ ignore_eos: false }, { ignoresEnd: false }],
  seed: [{ seed: -5 }, { seed: -5 }],
} satisfies Readonly<Record<keyof Sampling, readonly [WireSampling, Partial<Sampling>]>>;

describe("a request's sampling", () => {
  it("sets nothing for absent and null fields", () => {
    expect(decodeSampling({})).toEqual({});
    const fields = Object.values(SAID).flatMap(([wire]) => Object.keys(wire));
    expect(decodeSampling(Object.fromEntries(fields.map((field) => [field, null])))).toEqual({});
    expect(decodeSampling({ allowed_token_ids: [] })).toEqual({});
    expect(decodeEnds({})).toEqual({});
    expect(decodeEnds({ stop: null, ignore_eos: null, stop_token_ids: [] })).toEqual({});
  });

  it.each(Object.entries(SAID))("sets only %s, also to its default value", (_, [wire, said]) => {
    expect(decodeSampling(wire)).toEqual(said);
  });

  it("can set every part", () => {
    const said = Object.values(SAID).flatMap(([, part]) => Object.keys(part));
    expect(said.toSorted()).toEqual(Object.keys(PLAIN_SAMPLING).toSorted());
  });

  it.each<[WireSampling, Partial<Sampling>]>([
    [{ repetition_penalty: 1.2 }, { repeatPenalty: 1.2, repeatLastTokens: -1 }],
    [
      { repetition_penalty: 1.2, repeat_last_n: 5 },
      { repeatPenalty: 1.2, repeatLastTokens: 5 },
    ],
    [{ repetition_penalty: 1 }, { repeatPenalty: 1 }],
    [{ repetition_penalty: 1, repeat_penalty: 1.3 }, { repeatPenalty: 1.3 }],
    [
      { repetition_penalty: 1.3, repeat_penalty: 1 },
      { repeatPenalty: 1.3, repeatLastTokens: -1 },
    ],
  ])("has one repetition penalty with two names: %j", (wire, said) => {
    expect(decodeSampling(wire)).toEqual(said);
  });

  it("sets an empty list of stops explicitly", () => {
    expect(decodeEnds({ stop: [] })).toEqual({ stop: [] });
    expect(decodeEnds({ stop: "" })).toEqual({ stop: [] });
    expect(decodeEnds({ stop: "a" }, ["b"])).toEqual({ stop: ["b"] });
  });
});
