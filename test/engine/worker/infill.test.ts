import { describe, expect, it } from "vitest";
import { encodeInfill } from "../../../src/engine/worker/infill.ts";

/** A token for each character. */
const tokenize = (text: string) => [...text].map((character) => character.codePointAt(0) ?? 0);
const spell = (tokens: readonly number[]) =>
  tokens.map((token) => (token < 0 ? `<${token}>` : String.fromCodePoint(token))).join("");

const plain = { prefix: -1, suffix: -2, middle: -3 };
const withFiles = { ...plain, repository: -4, file: -5 };
const gap = { type: "infill", prefix: "before", suffix: "after" } as const;

function encode(files: readonly { name: string; text: string }[], infill: typeof plain, contextTokens: number): string {
  return spell(encodeInfill({ ...gap, files }, infill, tokenize, contextTokens));
}

describe("a prompt to fill in the middle, with files", () => {
  const files = [
    { name: "a", text: "AAA" },
    { name: "b", text: "BBB" },
  ];

  it("has each file after the model's token for one", () => {
    expect(encode(files, withFiles, 1_000)).toBe(
      "<-4>myproject\n<-5>a\nAAA<-5>b\nBBB<-5>filename\n<-1>before<-2>after<-3>",
    );
  });

  it("has each file after a line that says so, where the model has no token", () => {
    expect(encode(files, plain, 1_000)).toBe(
      "\n\n--- snippet ---\n\nAAA\n\n--- snippet ---\n\nBBB<-1>before<-2>after<-3>",
    );
  });

  it("has the last ones where not all of them fit", () => {
    // Room for 60 × 3/4 = 45 tokens, of which the frame takes 25 and the text around the gap 11.
    expect(encode(files, withFiles, 60)).toBe("<-4>myproject\n<-5>b\nBBB<-5>filename\n<-1>before<-2>after<-3>");
  });

  it("has what is nearest to the gap, where not even that fits", () => {
    expect(encode(files, plain, 12)).toBe("<-1>efore<-2>a<-3>");
    expect(encode([], plain, 4)).toBe("<-1><-2><-3>");
  });

  it("never has more than its share of the context", () => {
    for (let contextTokens = 4; contextTokens < 120; contextTokens += 1) {
      const tokens = encodeInfill({ ...gap, files }, plain, tokenize, contextTokens);
      expect(tokens.length).toBeLessThanOrEqual(Math.max(contextTokens * 0.75, 3));
    }
  });
});
