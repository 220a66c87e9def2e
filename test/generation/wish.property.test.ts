import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Sampling } from "../../src/generation/request.ts";
import { PLAIN_SAMPLING } from "../../src/generation/sampling.ts";
import { type Wish, withDefaults } from "../../src/generation/wish.ts";
import { SAMPLING, wishes } from "./wishes.ts";

describe("withDefaults", () => {
  it("keeps everything that was said, and takes a default for all else", () => {
    fc.assert(
      fc.property(wishes, (wish) => {
        const made = withDefaults(wish);
        expect(made.said).toBe(wish);
        expect(made.prompt).toBe(wish.prompt);
        expect(made.sampling).toEqual({ ...PLAIN_SAMPLING, ...wish.sampling });
        expect(made.stop).toEqual(wish.stop ?? []);
        expect(made.choices).toBe(wish.choices ?? 1);
        expect(made.output).toEqual(wish.output ?? undefined);
        expect(made.logprobs).toBe(wish.logprobs);
        expect(made.tools?.tools ?? []).toEqual(wish.tools ?? []);
      }),
    );
  });

  it("bounds an answer by what was said, else by the protocol's default, and in any case by the limit", () => {
    fc.assert(
      fc.property(wishes, fc.option(fc.nat(99), { nil: undefined }), (wish, maxTokens) => {
        const made = withDefaults(wish, undefined, { choices: 1, maxTokens }).maxTokens ?? Number.POSITIVE_INFINITY;
        const asked = wish.maxTokens === undefined ? maxTokens : (wish.maxTokens ?? undefined);
        const open = Number.POSITIVE_INFINITY;
        expect(made).toBe(Math.min(asked ?? open, wish.maxTokensLimit ?? open));
      }),
    );
  });

  it("has nothing in a request that only a wish has", () => {
    const wish: Required<Wish> = {
      prompt: { type: "text", text: "Hi" },
      sampling: {},
      tools: [{ name: "f" }],
      toolChoice: { mode: "required" },
      parallelCalls: false,
      output: { type: "json" },
      outputName: { name: "x" },
      logprobs: 1,
      promptLogprobs: 1,
      showControlTokens: true,
      choices: 2,
      maxTokens: 3,
      maxTokensLimit: 2,
      stop: ["a"],
      stopTokenIds: [1],
      showsStop: true,
      cascade: { least: -1 },
      cache: { noStore: true },
    };
    expect(withDefaults(wish)).toEqual({
      prompt: wish.prompt,
      sampling: PLAIN_SAMPLING,
      tools: { tools: wish.tools, choice: "auto", allowed: undefined, parallel: true },
      output: wish.output,
      logprobs: 1,
      promptLogprobs: 1,
      showControlTokens: true,
      choices: 2,
      maxTokens: 2,
      stop: ["a"],
      stopTokenIds: [1],
      showsStop: true,
      cascade: { least: -1 },
      said: wish,
    });
  });

  it.each<[Partial<Sampling>, Partial<Sampling>]>([
    [{ topP: 0 }, { temperature: 0, topP: 1 }],
    [
      { topP: 0, temperature: 1.5 },
      { temperature: 0, topP: 1 },
    ],
    [{ topK: -1 }, { topK: 0 }],
    [{ seed: 7 }, { seed: 7 }],
    [{ seed: -1 }, { seed: 2 ** 32 - 2 }],
    [{ seed: 2 ** 32 - 1 }, { seed: 0 }],
  ])("has %j as the engine takes it, and as it was said", (sampling, settled) => {
    const made = withDefaults({ sampling });
    expect(made.sampling).toEqual({ ...PLAIN_SAMPLING, ...settled });
    expect(made.said).toEqual({ sampling });
  });

  it("is tried with every part of a sampling", () => {
    expect(Object.keys(SAMPLING).toSorted()).toEqual(Object.keys(PLAIN_SAMPLING).toSorted());
  });
});
