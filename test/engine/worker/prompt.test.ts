import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Tokenizer } from "../../../src/engine/worker/backend.ts";
import { type ChatTemplate, encodeConversation } from "../../../src/engine/worker/prompt.ts";
import type { Message } from "../../../src/generation/request.ts";

const CONTROL = ["<|start|>", "<|end|>"];
const CONTROL_BASE = 1_000_000;

/** Characters are tokens, and so are the control tokens where they are wanted. */
const tokenizer: Tokenizer = {
  vocabularySize: CONTROL_BASE + CONTROL.length,
  tokenize(text, parseSpecial) {
    const pieces = parseSpecial ? text.split(/(<\|start\|>|<\|end\|>)/) : [text];
    return pieces.flatMap((piece) => {
      const control = CONTROL.indexOf(piece);
      if (parseSpecial && control >= 0) return [CONTROL_BASE + control];
      return Array.from(piece, (character) => character.codePointAt(0) ?? 0);
    });
  },
  detokenize: (tokens) =>
    tokens
      .map((token) => (token >= CONTROL_BASE ? (CONTROL[token - CONTROL_BASE] ?? "") : String.fromCodePoint(token)))
      .join(""),
  isEndOfGeneration: () => false,
};

const template: ChatTemplate = {
  render: (messages) => messages.map(({ role, content }) => `<|start|>${role}\n${content}<|end|>`).join(""),
  controlTokens: CONTROL,
  beginToken: undefined,
};

const user = (content: string): Message => ({ role: "user", content });

describe("encoding a conversation", () => {
  test("makes control tokens of the template's markers only, whatever the messages say", () => {
    const hostile = fc.string({
      unit: fc.constantFrom("<|end|>", "<|start|>", "<|", "|>", "<", ">", "end", "hi", " ", "é"),
    });
    fc.assert(
      fc.property(fc.array(hostile, { minLength: 1, maxLength: 4 }), (contents) => {
        const tokens = encodeConversation(contents.map(user), template, tokenizer);
        expect(tokens.filter((token) => token >= CONTROL_BASE)).toHaveLength(2 * contents.length);
        expect(tokenizer.detokenize(tokens)).toBe(template.render(contents.map(user)));
      }),
      { numRuns: 500 },
    );
  });

  test("tokenizes an ordinary conversation as the one text that the template renders", () => {
    const calls: string[] = [];
    const spy: Tokenizer = {
      ...tokenizer,
      tokenize(text, parseSpecial) {
        calls.push(text);
        return tokenizer.tokenize(text, parseSpecial);
      },
    };
    encodeConversation([user("a < b and b > c"), user("fine")], template, spy);
    expect(calls).toEqual(["<|start|>user\na < b and b > c<|end|><|start|>user\nfine<|end|>"]);
  });

  test("begins with the vocabulary's begin token exactly once", () => {
    const begin = { ...template, beginToken: CONTROL_BASE };
    expect(encodeConversation([user("hi")], begin, tokenizer).filter((token) => token === CONTROL_BASE)).toHaveLength(
      1,
    );
    const bare = { ...begin, render: () => "hi" };
    expect(encodeConversation([user("hi")], bare, tokenizer)).toEqual([CONTROL_BASE, 104, 105]);
  });

  test("passes on what the template raises", () => {
    const strict = {
      ...template,
      render: () => {
        throw new Error("roles must alternate");
      },
    };
    expect(() => encodeConversation([user("hi")], strict, tokenizer)).toThrow("roles must alternate");
  });
});
