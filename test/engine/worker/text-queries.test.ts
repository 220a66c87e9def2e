import { expect, test } from "vitest";
import type { ChatTemplate, Tokenizer } from "../../../src/engine/contract/native.ts";
import { createControlFinder } from "../../../src/engine/llama/control-finder.ts";
import { createPromptReader } from "../../../src/engine/worker/prompt-reader.ts";
import { type QueryContext, runQuery } from "../../../src/engine/worker/text-queries.ts";

const tokenizer: Tokenizer = {
  vocabularySize: 128,
  tokenize: (text) => Array.from(text, (character) => character.charCodeAt(0)),
  detokenize: (tokens, showControl = false) => String.fromCharCode(...tokens) + (showControl ? "!" : ""),
  bytes: (token) => [token],
  isEndOfGeneration: () => false,
};
const template: ChatTemplate = {
  render: () => "rendered",
  control: createControlFinder([]),
  beginToken: 1,
  emptyToken: 1,
  infill: undefined,
  stop: [],
};
const CONTEXT = 20;
const model: QueryContext = {
  tokenizer,
  template,
  readPrompt: createPromptReader({ tokenizer, template, contextTokens: CONTEXT }),
  heldTokens: (tokens) => tokens.length - 2,
};
const prompt = { type: "chat" as const, messages: [] };

test("text becomes tokens, with the begin token if requested", () => {
  const query = { type: "tokenize" as const, text: "ab", parseSpecial: true };
  expect(runQuery({ ...query, addSpecial: false }, model)).toEqual({
    type: "tokens",
    tokens: Uint32Array.of(97, 98),
  });
  expect(runQuery({ ...query, addSpecial: true }, model)).toEqual({
    type: "tokens",
    tokens: Uint32Array.of(1, 97, 98),
  });
});

test("a prompt becomes tokens with the stop strings of its template; one that doesn't fit is refused", () => {
  const ended = { ...model, template: { ...template, stop: ["</s>"] } };
  expect(runQuery({ type: "read", prompt, tools: [] }, ended)).toEqual({
    type: "prompt",
    tokens: Uint32Array.from([1, ..."rendered"].map((each) => (typeof each === "number" ? each : each.charCodeAt(0)))),
    stop: ["</s>"],
  });
  const text = { type: "text" as const, text: "ab" };
  expect(runQuery({ type: "read", prompt: text, tools: [] }, ended)).toMatchObject({ type: "prompt", stop: [] });
  const long = { type: "text" as const, text: "x".repeat(CONTEXT) };
  expect(runQuery({ type: "read", prompt: long, tools: [] }, ended)).toMatchObject({
    type: "rejected",
    rejection: { code: "context_length_exceeded" },
  });
});

test("tokens are spelled one by one; one outside the vocabulary is refused", () => {
  expect(runQuery({ type: "spell", tokens: [97, 98] }, model)).toEqual({ type: "pieces", pieces: ["a", "b"] });
  const cut = { ...model, tokenizer: { ...tokenizer, bytes: (token: number) => (token === 97 ? [0xf0, 0x9f] : []) } };
  expect(runQuery({ type: "spell", tokens: [97, 98] }, cut)).toEqual({ type: "pieces", pieces: [[0xf0, 0x9f], ""] });
  expect(runQuery({ type: "spell", tokens: [97, 128] }, model)).toMatchObject({ type: "rejected" });
});

test("tokens become text with control tokens spelled out; one outside the vocabulary is refused", () => {
  expect(runQuery({ type: "detokenize", tokens: [97] }, model)).toEqual({ type: "text", text: "a!" });
  for (const token of [128, -1, 0.5]) {
    expect(runQuery({ type: "detokenize", tokens: [token] }, model)).toMatchObject({
      type: "rejected",
      rejection: { code: "invalid_sampling", field: "tokens" },
    });
  }
});

test("a conversation is rendered, and its tokens are counted whatever its length", () => {
  expect(runQuery({ type: "applyTemplate", prompt, tools: [] }, model)).toEqual({ type: "text", text: "rendered" });
  expect(runQuery({ type: "countTokens", prompt, tools: [] }, model)).toEqual({ type: "count", count: 9 });
  const long = { type: "text" as const, text: "x".repeat(100_000) };
  expect(runQuery({ type: "countTokens", prompt: long, tools: [] }, model)).toEqual({
    type: "count",
    count: 100_001,
  });
});

test("the template's error is returned", () => {
  const render = () => {
    throw new Error("roles must alternate");
  };
  expect(
    runQuery({ type: "applyTemplate", prompt, tools: [] }, { ...model, template: { ...template, render } }),
  ).toEqual({ type: "rejected", rejection: { code: "unrenderable_prompt", reason: "roles must alternate" } });
});

test("a prompt's price is its tokens and the cached ones; one that doesn't fit is refused like its generation", () => {
  expect(runQuery({ type: "price", prompt, tools: [] }, model)).toEqual({
    type: "price",
    promptTokens: 9,
    cachedTokens: 7,
  });
  const long = { type: "text" as const, text: "x".repeat(CONTEXT - 1) };
  expect(runQuery({ type: "price", prompt: long, tools: [] }, model)).toEqual({
    type: "rejected",
    rejection: { code: "context_length_exceeded", promptTokens: CONTEXT, contextTokens: CONTEXT, atLeast: false },
  });
});
