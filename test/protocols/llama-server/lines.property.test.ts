import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createLineCut } from "../../../src/protocols/llama-server/lines.ts";

/** The shown part of `pieces`. */
function shown(pieces: readonly string[], indent: number): string {
  const cut = createLineCut({ indent, maxMs: 0 }, () => 0);
  let text = "";
  for (const piece of pieces) {
    const { text: part, isEnd } = cut(piece);
    text += part;
    if (isEnd) break;
  }
  return text;
}

/** The same, computed from the whole text. */
function expected(text: string, indent: number): string {
  for (const { index } of text.matchAll(/\n/g)) {
    const [spaces = ""] = /^[ \t]*/.exec(text.slice(index + 1)) ?? [];
    const end = index + 1 + spaces.length;
    if (spaces.length < indent && end < text.length) return text.slice(0, end);
  }
  return text;
}

describe("a text that ends before a line with too little indentation", () => {
  it.each([
    ["  a\n  b\nc", 2, "  a\n  b\n"],
    ["a\n b", 2, "a\n "],
    ["a\n\n  b", 2, "a\n"],
    ["a\n  ", 2, "a\n  "],
    ["a\nb", 0, "a\nb"],
  ])("is cut there: %j by %d", (text, indent, cut) => {
    expect(shown([text], indent)).toBe(cut);
  });

  it("is cut at the same position, however it is split into pieces", () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: fc.constantFrom("a", " ", "\t", "\n"), maxLength: 8 }), { maxLength: 12 }),
        fc.integer({ min: 0, max: 4 }),
        (pieces, indent) => {
          expect(shown(pieces, indent)).toBe(expected(pieces.join(""), indent));
        },
      ),
    );
  });
});

describe("a text with a time limit", () => {
  it("ends with the line in which the time since its first piece is over", () => {
    let ms = 1_000;
    const cut = createLineCut({ indent: 0, maxMs: 100 }, () => ms);
    ms = 5_000;
    expect(cut("a\n")).toEqual({ text: "a\n", isEnd: false });
    ms = 5_101;
    expect(cut("b")).toEqual({ text: "b", isEnd: false });
    expect(cut("c\nd\n")).toEqual({ text: "c\n", isEnd: true });
  });
});
