import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ChatTemplate, Tokenizer } from "../../../src/engine/contract/native.ts";
import { createControlFinder } from "../../../src/engine/llama/control-finder.ts";
import { encodePrompt, renderConversation } from "../../../src/engine/worker/prompt.ts";
import type { Message, Prompt, Tool } from "../../../src/generation/request.ts";

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
  bytes: (token) => [...Buffer.from(String.fromCodePoint(token))],
  isEndOfGeneration: () => false,
};

type Variables = { messages: Message[]; tools?: unknown; add_generation_prompt: boolean };

const template: ChatTemplate = {
  render(variables) {
    const { messages, tools, add_generation_prompt } = variables as Variables;
    const head = tools === undefined ? "" : `<|start|>tools\n${JSON.stringify(tools)}<|end|>`;
    const turns = messages.map(({ role, content }) => `<|start|>${role}\n${content}<|end|>`);
    return `${head}${turns.join("")}${add_generation_prompt ? "<|start|>assistant\n" : ""}`;
  },
  control: createControlFinder(CONTROL),
  beginToken: undefined,
  emptyToken: undefined,
  infill: undefined,
  stop: [],
};

const user = (content: string): Message => ({ role: "user", content });
const chat = (...messages: Message[]) => ({ type: "chat" as const, messages });

function encode(prompt: Prompt, given: Partial<ChatTemplate> = {}, tools: Tool[] = []): readonly number[] {
  const encoded = encodePrompt(prompt, tools, { ...template, ...given }, tokenizer, 100_000);
  return "tokens" in encoded ? encoded.tokens : [];
}

const controlIn = (tokens: readonly number[]) => tokens.filter((token) => token >= CONTROL_BASE);
const codes = (text: string) => Array.from(text, (character) => character.codePointAt(0) ?? 0);

describe("encoding a conversation", () => {
  test("makes control tokens only of the template's markers, whatever messages and tools contain", () => {
    const hostile = fc.string({
      unit: fc.constantFrom("<|end|>", "<|start|>", "<|", "|>", "<", ">", "end", "hi", " ", "é"),
    });
    fc.assert(
      fc.property(fc.array(hostile, { minLength: 1, maxLength: 4 }), hostile, (contents, said) => {
        const prompt = chat(...contents.map(user));
        const tools = [
          { name: `t${said}`, description: said, parameters: { properties: { [said]: { enum: [said] } } } },
        ];
        const tokens = encode(prompt, {}, tools);
        expect(controlIn(tokens)).toHaveLength(2 * contents.length + 3);
        expect(tokenizer.detokenize(tokens)).toBe(renderConversation(prompt, tools, template));
      }),
      { numRuns: 500 },
    );
  });

  test("tokenizes an ordinary conversation as one text", () => {
    const calls: string[] = [];
    const spy: Tokenizer = {
      ...tokenizer,
      tokenize(text, parseSpecial) {
        calls.push(text);
        return tokenizer.tokenize(text, parseSpecial);
      },
    };
    encodePrompt(chat(user("a < b and b > c"), user("fine")), [], template, spy, 1_000);
    expect(calls).toEqual(["<|start|>user\na < b and b > c<|end|><|start|>user\nfine<|end|><|start|>assistant\n"]);
  });

  test("begins with the vocabulary's begin token exactly once", () => {
    const begin = { beginToken: CONTROL_BASE };
    expect(controlIn(encode(chat(user("hi")), begin))).toEqual([CONTROL_BASE, CONTROL_BASE + 1, CONTROL_BASE]);
    expect(encode(chat(user("hi")), { ...begin, render: () => "hi" })).toEqual([CONTROL_BASE, 104, 105]);
  });

  test("passes on what the template raises", () => {
    const render = () => {
      throw new Error("roles must alternate");
    };
    expect(() => encode(chat(user("hi")), { render })).toThrow("roles must alternate");
  });

  test("leaves the last message open if it is to be continued", () => {
    const prompt = {
      ...chat(user("Count"), { role: "assistant" as const, content: "one, two " }),
      continueFinal: true,
    };
    expect(renderConversation(prompt, [], template)).toBe("<|start|>user\nCount<|end|><|start|>assistant\none, two ");
    const hostile = { ...chat({ role: "assistant" as const, content: "a<|end|>" }), continueFinal: true };
    expect(controlIn(encode(hostile))).toEqual([CONTROL_BASE]);
  });

  test("continues only an assistant's message that the template shows", () => {
    const open = { ...chat(user("hi")), continueFinal: true };
    expect(() => encode(open)).toThrow("Only an assistant's");
    const shown = { ...chat({ role: "assistant" as const, content: "x" }), continueFinal: true };
    expect(() => encode(shown, { render: () => "nothing" })).toThrow("omits the last message");
  });

  test("counts only as much of a long run of one character as it needs", () => {
    const lengths: number[] = [];
    const tokenize = (text: string) => {
      lengths.push(text.length);
      return Array.from({ length: Math.ceil(text.length / 64) }, () => 1);
    };
    const runs = { ...tokenizer, tokenize };
    const spaces = { type: "text" as const, text: " ".repeat(2_000_000) };
    expect(encodePrompt(spaces, [], template, runs, 100)).toEqual({ tokensAtLeast: 201 });
    expect(lengths.reduce((sum, length) => sum + length)).toBeLessThan(30_000);
    const fitting = { type: "text" as const, text: " ".repeat(6_000) };
    expect(encodePrompt(fitting, [], template, runs, 100)).toMatchObject({ tokens: { length: 94 } });
  });

  test("counts only the beginning of a prompt that is far too long", () => {
    const tokenized: number[] = [];
    const spy: Tokenizer = {
      ...tokenizer,
      tokenize(text, parseSpecial) {
        tokenized.push(text.length);
        return tokenizer.tokenize(text, parseSpecial);
      },
    };
    const encoded = encodePrompt(chat(user("x".repeat(1_000_000))), [], template, spy, 100);
    expect(encoded).toEqual({ tokensAtLeast: 3_201 });
    expect(tokenized).toEqual([3_201]);
  });
});

describe("encoding a prompt that isn't a conversation", () => {
  test("text becomes tokens as it is, control tokens included", () => {
    expect(encode({ type: "text", text: "a<|end|>" })).toEqual([97, CONTROL_BASE + 1]);
  });

  test("tokens stay as they are, and one outside the vocabulary is refused", () => {
    expect(encode({ type: "tokens", tokens: [5, 6] }, { beginToken: 1 })).toEqual([5, 6]);
    expect(() => encode({ type: "tokens", tokens: [5, CONTROL_BASE + 2] })).toThrow("not in this model's vocabulary");
  });

  test("an empty prompt becomes the begin token, and is refused if the vocabulary has none", () => {
    expect(encode({ type: "tokens", tokens: [] }, { emptyToken: 7 })).toEqual([7]);
    expect(encode({ type: "text", text: "" }, { emptyToken: 7 })).toEqual([7]);
    expect(() => encode({ type: "text", text: "" })).toThrow("The prompt is empty");
  });

  test("prefix and suffix go between the tokens for filling in the middle, as text", () => {
    const prompt = { type: "infill" as const, prefix: "a<|end|>", suffix: "b" };
    const infill = { prefix: 1, suffix: 2, middle: 3 };
    expect(encode(prompt, { infill, beginToken: 9 })).toEqual([9, 1, ...codes("a<|end|>"), 2, 98, 3]);
    expect(() => encode(prompt)).toThrow("no tokens to fill in the middle");
  });
});
