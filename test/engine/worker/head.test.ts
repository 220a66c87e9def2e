import { describe, expect, test } from "vitest";
import type { ChatTemplate, Tokenizer } from "../../../src/engine/contract/native.ts";
import { createControlFinder } from "../../../src/engine/llama/control-finder.ts";
import { findBoundary, headTokensOf } from "../../../src/engine/worker/head.ts";

const CONTROL = ["<|begin|>", "<|end|>", "<|role|>"];
const FIRST_LETTER = 10;

/** Control tokens are 1 to 3, anything else is one token for each character. */
const tokenizer: Tokenizer = {
  vocabularySize: 70_000,
  tokenize: (text) =>
    text
      .split(/(<\|\w+\|>)/)
      .filter((part) => part !== "")
      .flatMap((part) =>
        CONTROL.includes(part)
          ? [CONTROL.indexOf(part) + 1]
          : Array.from(part, (letter) => FIRST_LETTER + letter.charCodeAt(0)),
      ),
  detokenize: (tokens, showControl = false) =>
    tokens
      .map((token) =>
        token < FIRST_LETTER
          ? showControl
            ? (CONTROL[token - 1] ?? "")
            : ""
          : String.fromCharCode(token - FIRST_LETTER),
      )
      .join(""),
  bytes: () => [],
  isEndOfGeneration: (token) => token === 2,
};

type Turn = { role: string; content: string };

function template(render: (turns: readonly Turn[]) => string): ChatTemplate {
  return {
    render: ({ messages }) => render(messages as Turn[]),
    control: createControlFinder(CONTROL),
    beginToken: undefined,
    emptyToken: undefined,
    infill: undefined,
    stop: [],
  };
}

const chatml = template((turns) =>
  turns.map(({ role, content }) => `<|begin|>${role}<|role|>${content}<|end|>\n`).join(""),
);

/** Roles are text, as SmolLM2 and Qwen have it. */
const spelled = template((turns) => turns.map(({ role, content }) => `<|begin|>${role}\n${content}<|end|>\n`).join(""));

const SYSTEM = "You are helpful and brief.";

describe("the boundary between a system text and the first message", () => {
  test("reaches from the control token that ends one message to the last one that begins the next", () => {
    const control = tokenizer.tokenize("<|end|>\n<|begin|>user<|role|>", true);
    expect(findBoundary(chatml, tokenizer)).toEqual({ control, text: [] });
  });

  test("includes the text between the last control token and the message", () => {
    const control = tokenizer.tokenize("<|end|>\n<|begin|>", true);
    expect(findBoundary(spelled, tokenizer)).toEqual({ control, text: tokenizer.tokenize("user\n", false) });
  });

  test("is none if the template writes only text there", () => {
    const plain = template((turns) => turns.map(({ content }) => content).join("\n\n"));
    expect(findBoundary(plain, tokenizer)).toBeUndefined();
  });

  test("is none if the template refuses or omits system texts", () => {
    const refusing = template(() => {
      throw new Error("System role not supported");
    });
    const forgetful = template((turns) => `<|begin|>${turns.at(-1)?.content}<|end|>`);
    expect(findBoundary(refusing, tokenizer)).toBeUndefined();
    expect(findBoundary(forgetful, tokenizer)).toBeUndefined();
  });
});

describe("a prompt's head", () => {
  const boundary = findBoundary(chatml, tokenizer);
  const render = (...turns: Turn[]) => tokenizer.tokenize(chatml.render({ messages: turns }), true);

  test("is what prompts with the same system text and different messages have in common", () => {
    const [one, two] = ["Why?", "Where to?"].map((content) =>
      render({ role: "system", content: SYSTEM }, { role: "user", content }),
    );
    const head = headTokensOf(one ?? [], boundary);
    expect(tokenizer.detokenize((one ?? []).slice(0, head), true)).toBe(
      `<|begin|>system<|role|>${SYSTEM}<|end|>\n<|begin|>user<|role|>`,
    );
    expect(headTokensOf(two ?? [], boundary)).toBe(head);
  });

  test.each([
    ["with the text that leads to the message", "user", "user\n"],
    ["without it, where another role speaks first", "assistant", ""],
  ])("ends %s", (_, role, lead) => {
    const messages = [
      { role: "system", content: SYSTEM },
      { role, content: "Why?" },
    ];
    const prompt = tokenizer.tokenize(spelled.render({ messages }), true);
    const head = headTokensOf(prompt, findBoundary(spelled, tokenizer));
    expect(tokenizer.detokenize(prompt.slice(0, head), true)).toBe(
      `<|begin|>system\n${SYSTEM}<|end|>\n<|begin|>${lead}`,
    );
  });

  test("leaves something to evaluate", () => {
    const prompt = render({ role: "system", content: SYSTEM }, { role: "user", content: "Why?" });
    const head = headTokensOf(prompt, boundary);
    expect(headTokensOf(prompt.slice(0, head), boundary)).toBe(0);
    expect(headTokensOf(prompt.slice(0, head + 1), boundary)).toBe(head);
  });

  test("is none without a boundary in the prompt or the template, or if it is very short", () => {
    const prompt = render({ role: "system", content: "Hi" }, { role: "user", content: "Why?" });
    expect(headTokensOf(tokenizer.tokenize("Once upon a time there was", true), boundary)).toBe(0);
    expect(
      headTokensOf(render({ role: "system", content: "" }, { role: "user", content: "Why?" }).slice(4), boundary),
    ).toBe(0);
    expect(headTokensOf(prompt, undefined)).toBe(0);
  });
});
