import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { lastCut } from "../../../src/engine/contract/cuts.ts";
import { cutChunk } from "../../../src/engine/worker/plan.ts";
import { exactTokensAfter, type Prefix, reusableTokens } from "../../../src/engine/worker/prefix.ts";
import { createSequence } from "../../../src/engine/worker/sequence.ts";
import { sequenceRequest, tokenizer } from "./fake-backend.ts";

const CHUNK = 4;
const range = (length: number) => Array.from({ length }, (_, index) => index);
const prompt = (tokens: number[], exactness: "exact" | "greedy" | "free", headTokens = 0) => ({
  tokens,
  exactness,
  headTokens,
});

describe("the reusable tokens of a prefix", () => {
  /** Ten tokens of prompt and ten of answer. */
  const answered: Prefix = { tokens: range(20), promptTokens: 10, exactTokens: 10, headTokens: 0 };

  test("are all tokens in common if the answer is sampled at random", () => {
    expect(reusableTokens(answered, prompt(range(18), "free"), CHUNK)).toBe(17);
  });

  test("are whole chunks of the prompt for a greedy answer, so that it is the same as from scratch", () => {
    expect(reusableTokens(answered, prompt([...range(9), 99], "greedy"), CHUNK)).toBe(8);
  });

  test("include the last answer if a greedy conversation continues", () => {
    expect(reusableTokens(answered, prompt([...range(20), 99], "greedy"), CHUNK)).toBe(20);
  });

  test("never include generated tokens for a request with a seed", () => {
    expect(reusableTokens(answered, prompt([...range(20), 99], "exact"), CHUNK)).toBe(8);
  });

  test("are exact only up to a cut that an evaluation from scratch has, too", () => {
    const prompted: Prefix = { tokens: range(20), promptTokens: 20, exactTokens: 20, headTokens: 0 };
    expect(exactTokensAfter(prompted, 6, prompt(range(16), "exact"), CHUNK)).toBe(4);
    expect(exactTokensAfter(prompted, 8, prompt(range(16), "exact"), CHUNK)).toBe(16);
    expect(exactTokensAfter(answered, 16, prompt(range(30), "exact"), CHUNK)).toBe(8);
  });
});

describe("a prompt's last piece", () => {
  test("is the rest after the whole chunks", () => {
    expect(lastCut(19, 4)).toBe(16);
    expect(lastCut(64 + 40, 64)).toBe(64);
    expect(lastCut(128, 64)).toBe(128);
  });

  test("includes the last whole chunk if the rest is short and pieces may be joined", () => {
    expect(lastCut(64 + 12, 64)).toBe(0);
    expect(lastCut(576 + 24, 64)).toBe(512);
    expect(lastCut(12, 64)).toBe(0);
  });

  test("is evaluated again completely, so that an exact prompt is cut as from scratch", () => {
    const held: Prefix = { tokens: range(600), promptTokens: 600, exactTokens: 600, headTokens: 0 };
    expect(reusableTokens(held, prompt(range(600), "exact"), 64)).toBe(512);
    expect(reusableTokens(held, prompt(range(600), "free"), 64)).toBe(599);
  });
});

describe("a prompt's head", () => {
  const held: Prefix = { tokens: range(100), promptTokens: 100, exactTokens: 100, headTokens: 26 };

  test("is reused completely, whatever its length, by every prompt with the same head", () => {
    const other = [...range(26), ...Array.from({ length: 40 }, () => 7_777)];
    expect(reusableTokens(held, prompt(other, "exact", 26), 64)).toBe(26);
    expect(reusableTokens(held, prompt(other, "exact", 0), 64)).toBe(0);
  });

  test("is where the next chunks begin", () => {
    const longer = [...range(100), ...Array.from({ length: 200 }, () => 7_777)];
    expect(reusableTokens(held, prompt(longer, "exact", 26), 64)).toBe(26 + 64);
  });

  test("never makes a reused prefix differ from an evaluation from scratch", () => {
    const chunkTokens = 64;
    const anyPrompt = fc
      .record({
        head: fc.constantFrom(0, 16, 26, 64, 90, 100, 130),
        shared: fc.integer({ min: 0, max: 300 }),
        own: fc.integer({ min: 1, max: 200 }),
        exactness: fc.constantFrom("exact" as const, "greedy" as const, "free" as const),
        answer: fc.integer({ min: 0, max: 90 }),
        affordable: fc.constantFrom(64, 128, 512),
      })
      .map((drawn) => ({ ...drawn, head: drawn.head < drawn.shared + drawn.own ? drawn.head : 0 }));
    fc.assert(
      fc.property(fc.array(anyPrompt, { minLength: 2, maxLength: 8 }), (prompts) => {
        let slot: EvaluatedSlot = emptySlot();
        prompts.forEach(({ head, shared, own, exactness, answer, affordable }, number) => {
          const tokens = [...range(shared), ...Array.from({ length: own }, () => 10_000 + number)];
          const keep = reusableTokens(slot, prompt(tokens, exactness, head), chunkTokens);
          slot = evaluate(slot, keep, { tokens, head, affordable });
          const fresh = evaluate(emptySlot(), 0, { tokens, head, affordable: 64 });
          const exact = exactness === "exact" ? tokens.length : slot.exactTokens;
          expect(slot.cameBy.slice(0, exact)).toEqual(fresh.cameBy.slice(0, exact));
          slot.tokens.push(...Array.from({ length: answer }, (_, index) => shared + index));
          slot.cameBy.push(...Array.from({ length: answer }, () => "decoded"));
        });
      }),
    );

    type EvaluatedSlot = Prefix & {
      tokens: number[];
      /** For each token, what its keys and values depend on: the place of its whole chunk, or the call that a rest was part of. */
      cameBy: string[];
    };

    function emptySlot(): EvaluatedSlot {
      return { tokens: [], cameBy: [], promptTokens: 0, exactTokens: 0, headTokens: 0 };
    }

    function evaluate(
      held: EvaluatedSlot,
      keep: number,
      { tokens, head, affordable }: { tokens: number[]; head: number; affordable: number },
    ): EvaluatedSlot {
      const slot = {
        index: 0,
        lastUsed: 0,
        promptTokens: tokens.length,
        headTokens: head,
        exactTokens: 0,
        tokens: tokens.slice(0, keep),
      };
      const cameBy = held.cameBy.slice(0, keep);
      const sequence = createSequence(sequenceRequest(1), tokens, tokenizer, head);
      while (slot.tokens.length < tokens.length) {
        const position = slot.tokens.length;
        const { tokens: piece } = cutChunk(sequence, slot, chunkTokens, affordable);
        const rest = piece.length % chunkTokens;
        piece.forEach((_, index) => {
          const isRest = index >= piece.length - rest;
          const lastChunk = position + piece.length - rest - chunkTokens;
          const chunk = position + index - (index % chunkTokens);
          cameBy.push(
            isRest ? `a rest of ${rest} after ${Math.max(position - 1, lastChunk)}` : `the chunk at ${chunk}`,
          );
        });
        slot.tokens.push(...piece);
      }
      const exactTokens = exactTokensAfter(held, keep, { tokens, headTokens: head }, chunkTokens);
      return { ...slot, exactTokens, cameBy };
    }
  });
});
