import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createDetokenizer } from "../../../src/engine/worker/detokenizer.ts";

/** A vocabulary whose tokens are byte strings, as in byte-level BPE. */
function vocabularyOf(pieces: readonly Uint8Array[]) {
  return (tokens: readonly number[]) =>
    Buffer.concat(tokens.map((token) => pieces[token] ?? new Uint8Array())).toString("utf8");
}

function cutAt(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const places = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  return [0, ...places].map((from, index) => bytes.subarray(from, places[index] ?? bytes.length));
}

describe("the detokenizer", () => {
  test("gives the whole text in whole characters, wherever the tokens cut it", () => {
    const text = fc.string({
      maxLength: 30,
      unit: fc.oneof(
        fc.constantFrom("é", "世", "🙂", "👩‍👩‍👧", "a", " ", "\n"),
        fc.string({ unit: "binary", minLength: 1, maxLength: 1 }),
      ),
    });
    fc.assert(
      fc.property(text, fc.array(fc.nat(), { maxLength: 40 }), (raw, cuts) => {
        const whole = raw.toWellFormed().replaceAll("\uFFFD", "?");
        const pieces = cutAt(Buffer.from(whole), cuts);
        const detokenizer = createDetokenizer(vocabularyOf(pieces));
        const parts = pieces.map((_, token) => detokenizer.push(token));
        parts.push(detokenizer.flush());
        expect(parts.join("")).toBe(whole);
        expect(parts.filter((part) => part.includes("\uFFFD"))).toEqual([]);
      }),
      { numRuns: 200 },
    );
  });

  test("shows broken bytes as U+FFFD instead of waiting for ever", () => {
    const detokenizer = createDetokenizer(vocabularyOf([Uint8Array.of(0xf0), Buffer.from("ok")]));
    const parts = [0, 0, 0, 0, 0, 0, 1].map((token) => detokenizer.push(token));
    expect(parts.join("")).toMatch(/^\uFFFD+ok$/);
  });

  test("shows a character that was never completed at the end", () => {
    const detokenizer = createDetokenizer(vocabularyOf([Buffer.from("🙂").subarray(0, 2)]));
    expect(detokenizer.push(0)).toBe("");
    expect(detokenizer.flush()).toBe("\uFFFD");
    expect(detokenizer.flush()).toBe("");
  });

  test("keeps the leading space of a word where the vocabulary drops it at the beginning of a text", () => {
    const words = [" Once", " upon", " a"];
    const detokenizer = createDetokenizer((tokens) =>
      tokens
        .map((token) => words[token])
        .join("")
        .replace(/^ /, ""),
    );
    expect([0, 1, 2].map((token) => detokenizer.push(token)).join("")).toBe("Once upon a");
  });
});
