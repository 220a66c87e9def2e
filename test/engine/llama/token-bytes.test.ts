import { describe, expect, test } from "vitest";
import { createByteTokens, createTokenBytes } from "../../../src/engine/llama/token-bytes.ts";

/** A vocabulary by spellings and bytes, rendered as the binding does: what is no UTF-8 becomes U+FFFD. */
function vocabulary(entries: readonly (readonly [spelling: string, bytes: readonly number[]])[], dropsSpace = false) {
  const spellings = entries.map(([spelling]) => spelling);
  const detokenize = (tokens: readonly number[]) => {
    const text = Buffer.from(tokens.flatMap((token) => entries[token]?.[1] ?? [])).toString();
    return dropsSpace ? text.replace(/^ /, "") : text;
  };
  return { spellings, bytesOf: createTokenBytes(detokenize, (token) => spellings[token] ?? "", 0) };
}

const text = (value: string) => [...Buffer.from(value)];

describe("a token's bytes", () => {
  const byteLevel = vocabulary([
    ["a", [97]],
    ["Ġhi", text(" hi")],
    ["âĤ", [0xe2, 0x82]],
    ["¬", [0xac]],
    ["<|end|>", text("<|end|>")],
  ]);
  const pieces = vocabulary(
    [
      ["▁a", text(" a")],
      ["▁hi", text(" hi")],
      ["<0xE2>", [0xe2]],
      ["<0x0A>", [0x0a]],
    ],
    true,
  );

  test("are those of its text if that is complete, with a leading space that a vocabulary drops at the start", () => {
    expect(byteLevel.bytesOf(1)).toEqual(text(" hi"));
    expect(pieces.bytesOf(1)).toEqual(text(" hi"));
    expect(byteLevel.bytesOf(4)).toEqual(text("<|end|>"));
  });

  test("are read from its spelling if it is part of a character", () => {
    expect(byteLevel.bytesOf(2)).toEqual([0xe2, 0x82]);
    expect(byteLevel.bytesOf(3)).toEqual([0xac]);
    expect(pieces.bytesOf(2)).toEqual([0xe2]);
  });

  test("find the token of a single byte, if there is one", () => {
    const inByteLevel = createByteTokens(byteLevel.spellings, byteLevel.bytesOf);
    const inPieces = createByteTokens(pieces.spellings, pieces.bytesOf);
    expect([inByteLevel(97), inByteLevel(0xac), inByteLevel(98)]).toEqual([0, 3, undefined]);
    expect([inPieces(0xe2), inPieces(0x0a)]).toEqual([2, 3]);
  });
});
