import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { rankByWords } from "../../src/assist/bm25.ts";
import { splitChunks } from "../../src/assist/chunks.ts";
import { wordsOf, wordsOfQuestion } from "../../src/assist/words.ts";

describe("chunks of a file", () => {
  it("end at empty lines, and know their lines", () => {
    const part = (name: string) => `function ${name}() {\n${"  work(with, some, words);\n".repeat(20)}}`;
    const chunks = splitChunks("a.js", `${part("one")}\n\n${part("two")}\n`);
    expect(chunks.map(({ firstLine, text }) => [firstLine, text.split("\n")[0]])).toEqual([
      [1, "function one() {"],
      [24, "function two() {"],
    ]);
  });

  it("hold every line once, in order, as far as it isn't empty or too long, whatever the text", () => {
    const line = fc.oneof(
      fc.constant(""),
      fc.string({ maxLength: 80 }),
      fc.string({ minLength: 900, maxLength: 1_200 }),
    );
    fc.assert(
      fc.property(fc.array(line, { maxLength: 120 }), (given) => {
        const text = given.map((each) => each.replaceAll(/[\r\n]/g, "")).join("\n");
        const lines = text.split("\n");
        let last = 0;
        for (const { firstLine, text: part } of splitChunks("a", text)) {
          const parts = part.split("\n");
          expect(
            lines
              .slice(last, firstLine - 1)
              .join("")
              .trim(),
          ).toBe("");
          for (const [at, each] of parts.entries()) expect(lines[firstLine - 1 + at]?.slice(0, 1_000)).toBe(each);
          expect(part.length).toBeLessThanOrEqual(1_040);
          last = firstLine - 1 + parts.length;
        }
        expect(lines.slice(last).join("").trim()).toBe("");
      }),
    );
  });
});

describe("words", () => {
  it("are names, whole and in their parts, and one for one and many", () => {
    expect(wordsOf("readJSONFile(user_names)")).toEqual([
      "readjsonfile",
      "read",
      "json",
      "file",
      "user_names",
      "user",
      "name",
    ]);
    expect(wordsOf("Größen über 3 x2y")).toEqual(["größen", "über", "3", "x2y"]);
  });

  it("of a question are those that say something, if any does", () => {
    expect(wordsOfQuestion("Where is the retry of requests?")).toEqual(["retry", "request"]);
    expect(wordsOfQuestion("What is it?")).toEqual(["what", "is", "it"]);
  });
});

describe("ranking by words", () => {
  const texts = [
    "the retry waits, then tries again",
    "a parser of numbers",
    "retryRequest(request)",
    "retry retry retry ".repeat(50),
  ];

  it("puts rare words and short texts first, and leaves out what has no word of the question", () => {
    const ranked = rankByWords(texts, "Where are requests retried? retry").map(({ index }) => index);
    expect(ranked[0]).toBe(2);
    expect(ranked).not.toContain(1);
    expect(rankByWords(texts, "zebra")).toEqual([]);
    expect(rankByWords([], "retry")).toEqual([]);
  });

  it("gives finite scores, the best first, whatever the texts", () => {
    fc.assert(
      fc.property(fc.array(fc.string()), fc.string(), (all, question) => {
        const scores = rankByWords(all, question).map(({ score }) => score);
        expect(scores.every((score) => Number.isFinite(score) && score > 0)).toBe(true);
        expect(scores).toEqual(scores.toSorted((a, b) => b - a));
      }),
    );
  });
});
