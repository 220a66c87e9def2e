import { expect, test } from "vitest";
import { createWriter, keepSingleTokens, LEXICON, seedOf } from "../../../bench/load/text.ts";

const countTokens = (text: string) => text.match(/\w+|\./g)?.length ?? 0;

test("a passage has as many words and full stops as were asked for", () => {
  const writer = createWriter(LEXICON, 1);
  for (const tokens of [1, 5, 13, 14, 600]) {
    expect(countTokens(writer.passage(tokens))).toBe(tokens);
  }
});

test("the same seed writes the same text, passage by passage", () => {
  const [one, other] = [createWriter(LEXICON, 5), createWriter(LEXICON, 5)];
  expect([one.passage(40), one.passage(40)]).toEqual([other.passage(40), other.passage(40)]);
});

test("no two passages begin alike, so that no cache can have one", () => {
  const writer = createWriter(LEXICON, 9);
  const beginnings = Array.from({ length: 200 }, () => writer.passage(40).split(" ").slice(0, 6).join(" "));
  expect(new Set(beginnings).size).toBe(beginnings.length);
});

test("words that the vocabulary splits are not used", () => {
  const lexicon = keepSingleTokens(LEXICON, (word) => word.length < 6);
  const words = createWriter(lexicon, 1).passage(500).match(/\w+/g) ?? [];
  expect(words.filter((word) => word.length >= 6)).toEqual([]);
});

test("a vocabulary that has none of the words is told of", () => {
  const lexicon = keepSingleTokens(LEXICON, () => false);
  expect(() => createWriter(lexicon, 1).passage(10)).toThrow(/at least one word/);
});

test("a seed differs by every part of what it is made from", () => {
  expect(seedOf("1/single/0/")).not.toBe(seedOf("1/single/1/"));
  expect(seedOf("1/single/0/")).toBe(seedOf("1/single/0/"));
});
