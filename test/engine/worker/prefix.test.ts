import { describe, expect, test } from "vitest";
import { exactTokensAfter, lastCut, type Prefix, reusableTokens } from "../../../src/engine/worker/prefix.ts";

const CHUNK = 4;
const range = (length: number) => Array.from({ length }, (_, index) => index);
const prompt = (tokens: number[], exactness: "exact" | "greedy" | "free") => ({ tokens, exactness });

describe("what may be reused", () => {
  /** Ten tokens of prompt and ten of answer. */
  const answered: Prefix = { tokens: range(20), promptTokens: 10, exactTokens: 10 };

  test("is everything for an answer that is drawn at random", () => {
    expect(reusableTokens(answered, prompt(range(18), "free"), CHUNK)).toBe(17);
  });

  test("is whole chunks of prompt for a greedy answer, so that it is the same as from scratch", () => {
    expect(reusableTokens(answered, prompt([...range(9), 99], "greedy"), CHUNK)).toBe(8);
  });

  test("is the last answer too where a greedy conversation goes on", () => {
    expect(reusableTokens(answered, prompt([...range(20), 99], "greedy"), CHUNK)).toBe(20);
  });

  test("is never what was generated, for a request with a seed", () => {
    expect(reusableTokens(answered, prompt([...range(20), 99], "exact"), CHUNK)).toBe(8);
  });

  test("counts as exact only where the cut before it is one that a fresh prompt has too", () => {
    const prompted: Prefix = { tokens: range(20), promptTokens: 20, exactTokens: 20 };
    expect(exactTokensAfter(prompted, 6, 16, CHUNK)).toBe(4);
    expect(exactTokensAfter(prompted, 8, 16, CHUNK)).toBe(16);
    expect(exactTokensAfter(answered, 16, 30, CHUNK)).toBe(8);
  });
});

describe("a prompt's last piece", () => {
  test("is what is left after the whole chunks", () => {
    expect(lastCut(19, 4)).toBe(16);
    expect(lastCut(64 + 40, 64)).toBe(64);
    expect(lastCut(128, 64)).toBe(128);
  });

  test("takes the last chunk with it where little is left and pieces may be joined", () => {
    expect(lastCut(64 + 12, 64)).toBe(0);
    expect(lastCut(576 + 24, 64)).toBe(512);
    expect(lastCut(12, 64)).toBe(0);
  });

  test("is evaluated whole again, so that an exact answer is cut as from scratch", () => {
    const held: Prefix = { tokens: range(600), promptTokens: 600, exactTokens: 600 };
    expect(reusableTokens(held, prompt(range(600), "exact"), 64)).toBe(512);
    expect(reusableTokens(held, prompt(range(600), "free"), 64)).toBe(599);
  });
});
