import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createDetokenizer } from "../../../src/engine/worker/detokenizer.ts";

/** A vocabulary whose tokens are byte strings, as in byte-level BPE. */
function detokenizerOf(pieces: readonly Uint8Array[]) {
  return createDetokenizer(
    (tokens) => Buffer.concat(tokens.map((token) => pieces[token] ?? new Uint8Array())).toString("utf8"),
    (token) => [...(pieces[token] ?? [])],
  );
}

function cutAt(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const places = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  return [0, ...places].map((from, index) => bytes.subarray(from, places[index] ?? bytes.length));
}

describe("the detokenizer", () => {
  test("returns the whole text in whole characters, wherever the tokens split it", () => {
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
        const detokenizer = detokenizerOf(pieces);
        const parts = pieces.map((_, token) => detokenizer.push(token));
        parts.push(detokenizer.flush());
        expect(parts.join("")).toBe(whole);
        expect(parts.filter((part) => part.includes("\uFFFD"))).toEqual([]);
      }),
      { numRuns: 200 },
    );
  });

  test("shows broken bytes as U+FFFD instead of waiting for ever", () => {
    const detokenizer = detokenizerOf([Uint8Array.of(0xf0), Buffer.from("ok")]);
    const parts = [0, 0, 0, 0, 0, 0, 1].map((token) => detokenizer.push(token));
    expect(parts.join("")).toMatch(/^\uFFFD+ok$/);
  });

  test("omits an incomplete character at the end", () => {
    const whole = Buffer.from("🙂世é");
    for (let length = 0; length <= whole.length; length++) {
      const pieces = Array.from(whole.subarray(0, length), (byte) => Uint8Array.of(byte));
      const detokenizer = detokenizerOf(pieces);
      const text = pieces.map((_, token) => detokenizer.push(token)).join("") + detokenizer.flush();
      expect(text).toBe(length < 4 ? "" : length < 7 ? "🙂" : length < 9 ? "🙂世" : "🙂世é");
      expect(detokenizer.flush()).toBe("");
    }
  });

  test("keeps a U+FFFD at the end that the model generated, and invalid bytes", () => {
    for (const bytes of [Buffer.from("a\uFFFD"), Uint8Array.of(0x61, 0x80), Uint8Array.of(0x61, 0xff)]) {
      const detokenizer = detokenizerOf([bytes]);
      expect(detokenizer.push(0) + detokenizer.flush()).toBe("a\uFFFD");
    }
  });

  test("keeps the leading space of a word although the vocabulary drops it at the beginning of a text", () => {
    const words = [" Once", " upon", " a"];
    const detokenizer = createDetokenizer(
      (tokens) =>
        tokens
          .map((token) => words[token])
          .join("")
          .replace(/^ /, ""),
      () => [],
    );
    expect([0, 1, 2].map((token) => detokenizer.push(token)).join("")).toBe("Once upon a");
  });
});
