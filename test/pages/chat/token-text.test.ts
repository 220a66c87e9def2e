import { describe, expect, it } from "vitest";
import type { Likely, Token } from "../../../pages/chat/conversation/message.ts";
import { joinTokens, replaceToken } from "../../../pages/chat/conversation/token-text.ts";

function likely(bytes: readonly number[] | string): Likely {
  const own = typeof bytes === "string" ? [...Buffer.from(bytes)] : bytes;
  return { text: typeof bytes === "string" ? bytes : "\\x", logprob: -1, bytes: own };
}

function token(bytes: readonly number[] | string): Token {
  return { ...likely(bytes), others: [] };
}

/** A smile in two parts of a character. */
const SMILE = [token([0xf0, 0x9f]), token([0x99, 0x82])];

describe("the text of tokens", () => {
  it("is joined from their bytes, since a token may be a part of a character", () => {
    expect(joinTokens([token("a "), ...SMILE])).toBe("a 🙂");
    expect(joinTokens(SMILE.slice(0, 1))).toBeUndefined();
    expect(joinTokens([{ text: "b", logprob: 0, bytes: null }])).toBe("b");
  });

  it("goes up to a token, with another in its place", () => {
    const tokens = [token("Once"), token(" upon"), token(" a")];
    expect(replaceToken("> ", tokens, 1, likely(" there"))).toBe("> Once there");
    expect(replaceToken("", tokens, 0, likely("No"))).toBe("No");
  });

  it("can't be written if it would end in half a character, or with a token that is no text", () => {
    expect(replaceToken("", SMILE, 0, likely([0xf0, 0x9f]))).toBeUndefined();
    expect(replaceToken("", SMILE, 1, likely([0x99, 0x83]))).toBe("🙃");
    expect(replaceToken("", SMILE, 1, likely("a"))).toBeUndefined();
    for (const control of ["", "<|im_end|>", "</s>", "<end_of_turn>"]) {
      expect(replaceToken("", [token("a")], 0, likely(control))).toBeUndefined();
    }
    expect(replaceToken("", [token("a")], 0, likely("<div"))).toBe("<div");
  });
});
