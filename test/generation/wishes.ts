import fc from "fast-check";
import type { Sampling } from "../../src/generation/request.ts";
import type { Wish } from "../../src/generation/wish.ts";

const text = fc.string({ maxLength: 8 });
const decimal = fc.constantFrom(0.1, 0.5, 1, 1.5);

/** Values of each part of a sampling, such that the engine takes them as they are. A part that is added needs a line here. */
export const SAMPLING = {
  temperature: decimal,
  topP: fc.constantFrom(0.1, 1),
  topK: fc.nat(40),
  minP: decimal,
  repeatPenalty: decimal,
  repeatLastTokens: fc.integer({ min: -1, max: 99 }),
  presencePenalty: decimal,
  frequencyPenalty: decimal,
  xtcProbability: decimal,
  xtcThreshold: decimal,
  logitBias: fc.array(fc.tuple(fc.nat(99), fc.integer({ min: -100, max: 100 })), { maxLength: 2 }),
  allowedTokenIds: fc.array(fc.nat(99), { maxLength: 2 }),
  badWords: fc.array(text, { maxLength: 2 }),
  minTokens: fc.nat(9),
  ignoresEnd: fc.boolean(),
  seed: fc.nat(),
} satisfies { readonly [Field in keyof Sampling]-?: fc.Arbitrary<Sampling[Field]> };

const message = fc.record({ role: fc.constantFrom("system", "user", "assistant"), content: text });

/** Wishes of which any field but the prompt may be missing. */
export const wishes: fc.Arbitrary<Wish> = fc.record(
  {
    prompt: fc.record({
      type: fc.constant("chat" as const),
      messages: fc.array(message, { minLength: 1, maxLength: 3 }),
    }),
    sampling: fc.record(SAMPLING, { requiredKeys: [] }),
    tools: fc.array(fc.record({ name: fc.stringMatching(/^[a-z]{1,4}$/) }), { maxLength: 2 }),
    output: fc.constantFrom(null, { type: "json" } as const),
    logprobs: fc.nat(20),
    choices: fc.integer({ min: 1, max: 4 }),
    maxTokens: fc.option(fc.nat(99)),
    maxTokensLimit: fc.nat(99),
    stop: fc.array(text, { maxLength: 2 }),
  },
  { requiredKeys: ["prompt", "sampling"] },
);
