import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Wish } from "../../src/generation/wish.ts";
import { applyPreset } from "../../src/prompts/apply.ts";
import { SAMPLING_NAMES } from "../../src/prompts/schema.ts";
import { wishes } from "../generation/wishes.ts";
import { preset } from "./support.ts";

/** A preset with all fields. */
const WHOLE = {
  sampling: {
    ...{ temperature: 0.3, top_p: 0.8, top_k: 9, min_p: 0.2, repeat_penalty: 1.2, presence_penalty: 1 },
    ...{ frequency_penalty: -1, seed: 4, stop: "END" },
  },
  maxTokens: 12,
  responseSchema: { type: "object" },
  tools: [{ name: "look_up" }],
};
type Part = keyof typeof WHOLE;
const parts = fc.subarray(Object.keys(WHOLE) as Part[]);

function presetOf(said: readonly Part[]) {
  return preset(said.map((part) => `${part}: ${JSON.stringify(WHOLE[part])}\n`).join(""));
}

const NONE = new Map<string, string>();
const bare: Wish = { prompt: { type: "chat", messages: [{ role: "user", content: "Hi" }] }, sampling: {} };

describe("applyPreset", () => {
  it("overrides nothing in the wish except the conversation, and doesn't mutate it", () => {
    fc.assert(
      fc.property(wishes, parts, (wish, said) => {
        const before = structuredClone(wish);
        const { prompt, sampling, cache, ...filled } = applyPreset(presetOf(said), NONE, wish);
        const { prompt: _, sampling: drawn, ...own } = wish;
        expect(filled).toMatchObject(own);
        expect(sampling).toMatchObject(drawn);
        expect(wish).toEqual(before);
      }),
    );
  });

  it("fills the gaps of the wish from the preset only", () => {
    fc.assert(
      fc.property(wishes, parts, (wish, said) => {
        const its = applyPreset(presetOf(said), NONE, bare);
        const { prompt, cache, sampling, outputName, ...filled } = applyPreset(presetOf(said), NONE, wish);
        const { prompt: _, cache: __, sampling: drawn, outputName: ___, ...added } = its;
        expect(sampling).toEqual({ ...drawn, ...wish.sampling });
        const { prompt: ____, sampling: _____, ...own } = wish;
        expect(filled).toEqual({ ...added, ...own });
      }),
    );
  });

  it("applies every sampling setting of a preset", () => {
    const { sampling, stop, maxTokens, output, outputName, tools } = applyPreset(
      presetOf(["sampling", "maxTokens", "responseSchema", "tools"]),
      NONE,
      bare,
    );
    const named = Object.entries(SAMPLING_NAMES).flatMap(([field, name]) => (name === null ? [] : [field]));
    expect(Object.keys(sampling).toSorted()).toEqual(named.toSorted());
    expect(sampling).toMatchObject({ temperature: 0.3, topP: 0.8, topK: 9, repeatPenalty: 1.2, seed: 4 });
    expect({ stop, maxTokens, output, outputName, tools }).toEqual({
      stop: ["END"],
      maxTokens: 12,
      output: { type: "schema", schema: { type: "object" } },
      outputName: { name: "p", description: "A test." },
      tools: [{ name: "look_up" }],
    });
  });

  it("adds only the cache settings for an empty preset", () => {
    fc.assert(
      fc.property(wishes, (wish) => {
        const { cache, prompt, ...rest } = applyPreset(preset(""), NONE, wish);
        const { prompt: _, ...own } = wish;
        expect(rest).toEqual(own);
        expect(cache).toEqual({ preset: "p", answers: "determined" });
      }),
    );
  });

  it("respects explicit empty values: no tools, any text, no stop, as many tokens as fit", () => {
    const none: Wish = { ...bare, tools: [], output: null, stop: [], maxTokens: null };
    const { cache, ...filled } = applyPreset(presetOf(["maxTokens", "responseSchema", "tools"]), NONE, none);
    expect(filled).toEqual(none);
  });
});
