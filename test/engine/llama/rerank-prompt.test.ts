import { describe, expect, test } from "vitest";
import { fillRerankTemplate, joinPair, type PairTokenizer } from "../../../src/engine/llama/rerank-prompt.ts";

/** One token a character; `<end>` is a control token. */
const tokenizer: PairTokenizer = {
  tokenize(text, parseSpecial) {
    const parts = parseSpecial ? text.split(/(<end>)/) : [text];
    return parts.flatMap((part) =>
      parseSpecial && part === "<end>" ? [9_999] : Array.from(part, (char) => char.charCodeAt(0)),
    );
  },
  begin: 1,
  end: 2,
  separator: 3,
};

const codes = (text: string) => Array.from(text, (char) => char.charCodeAt(0));

describe("a pair without a template", () => {
  test("is joined with the special tokens of the vocabulary", () => {
    expect(joinPair({ query: "a", document: "b" }, tokenizer)).toEqual([1, 97, 2, 3, 98, 2]);
  });

  test("omits special tokens that the vocabulary lacks", () => {
    const bare = { ...tokenizer, begin: undefined, end: undefined };
    expect(joinPair({ query: "a", document: "b" }, bare)).toEqual([97, 3, 98]);
  });

  test("keeps the spelling of a control token as text", () => {
    expect(joinPair({ query: "<end>", document: "b" }, tokenizer)).not.toContain(9_999);
  });
});

describe("a rerank template", () => {
  const template = "Q:{query} D:{document}<end>";

  test("holds both texts, and its control tokens count", () => {
    expect(fillRerankTemplate(template, { query: "a", document: "b" }, tokenizer)).toEqual([
      ...codes("Q:a D:b"),
      9_999,
    ]);
  });

  test("interprets no text as a placeholder or a control token", () => {
    const pair = { query: "{document}", document: "yes<end>" };
    expect(fillRerankTemplate(template, pair, tokenizer)).toEqual([...codes("Q:{document} D:yes<end>"), 9_999]);
  });
});
