import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { GenerationEvent } from "../../src/generation/event.ts";
import type { GenerationRequest } from "../../src/generation/request.ts";
import { anthropicApi } from "../../src/upstream/anthropic.ts";
import type { Api } from "../../src/upstream/api.ts";
import { DONE } from "../../src/upstream/messages.ts";
import { ollamaApi } from "../../src/upstream/ollama.ts";
import { openAiApi } from "../../src/upstream/openai.ts";
import { requestFor } from "./support.ts";

function read(api: Api, messages: readonly unknown[], request: GenerationRequest = requestFor()): GenerationEvent[] {
  const reader = api.read(request, { name: "there", withoutKey: (body) => body });
  const events = messages.flatMap((data) => reader.note({ data }));
  return [...events, ...reader.end()];
}

const openai = (choice: object) => ({ choices: [{ index: 0, ...choice }] });
const delta = (part: object) => openai({ delta: part });
const call = (piece: object) => delta({ tool_calls: [piece] });

/** Without what every answer has. */
const plain = (events: readonly GenerationEvent[]) =>
  events.filter(({ type }) => type !== "started" && type !== "usage");

describe("an answer in OpenAI's form", () => {
  it.each([
    ["reasoning_content", { reasoning_content: "Hm." }],
    ["reasoning", { reasoning: "Hm." }],
  ])("has its reasoning in %s", (_, part) => {
    expect(plain(read(openAiApi, [delta(part), openai({ finish_reason: "stop" }), DONE]))).toEqual([
      { type: "reasoning", choice: 0, text: "Hm." },
      { type: "finished", choice: 0, reason: "stop" },
    ]);
  });

  it.each([
    [
      "pieces",
      [
        { index: 0, id: "c1", function: { name: "look", arguments: '{"a"' } },
        { index: 0, function: { arguments: ":1}" } },
        { index: 1, id: "c2", function: { name: "see", arguments: "{}" } },
      ],
    ],
    [
      "whole calls at one place, each with an id",
      [
        { index: 0, id: "c1", function: { name: "look", arguments: '{"a":1}' } },
        { index: 0, id: "c2", function: { name: "see", arguments: "{}" } },
      ],
    ],
    [
      "calls without a place",
      [
        { id: "c1", function: { name: "look", arguments: '{"a":1}' } },
        { id: "c2", function: { name: "see", arguments: "{}" } },
      ],
    ],
    [
      "arguments that are no text",
      [
        { index: 0, id: "c1", function: { name: "look", arguments: { a: 1 } } },
        { index: 1, id: "c2", function: { name: "see", arguments: {} } },
      ],
    ],
  ])("has its calls in %s", (_, pieces) => {
    const events = plain(read(openAiApi, [...pieces.map(call), openai({ finish_reason: "stop" }), DONE]));
    const calls = events.filter((event) => event.type === "toolCall");
    expect(calls).toEqual([
      { type: "toolCall", choice: 0, index: 0, id: "c1", name: "look" },
      { type: "toolCall", choice: 0, index: 1, id: "c2", name: "see" },
    ]);
    const written = [0, 1].map((index) =>
      events.map((event) => (event.type === "toolArguments" && event.index === index ? event.text : "")).join(""),
    );
    expect(written).toEqual(['{"a":1}', "{}"]);
    expect(events.at(-1)).toEqual({ type: "finished", choice: 0, reason: "tool_calls" });
  });

  it("has the call of 2023", () => {
    const events = plain(
      read(openAiApi, [
        delta({ function_call: { name: "look", arguments: "" } }),
        delta({ function_call: { arguments: "{}" } }),
        openai({ finish_reason: "function_call" }),
      ]),
    );
    expect(events).toMatchObject([
      { type: "toolCall", name: "look", id: expect.stringMatching(/^call_\w{24}$/) },
      { type: "toolArguments", text: "{}" },
      { type: "finished", reason: "tool_calls" },
    ]);
  });

  it("has its log-probabilities, with the bytes of tokens", () => {
    const content = [
      { token: "Hé", logprob: -0.5, bytes: null, top_logprobs: [{ token: "x", logprob: -1, bytes: [120] }] },
    ];
    const request = requestFor({ logprobs: 1 });
    expect(plain(read(openAiApi, [openai({ delta: { content: "Hé" }, logprobs: { content } })], request))[0]).toEqual({
      ...{ type: "text", choice: 0, text: "Hé" },
      logprobs: [{ bytes: [72, 195, 169], logprob: -0.5, top: [{ bytes: [120], logprob: -1 }] }],
    });
    const old = { tokens: ["a"], token_logprobs: [-0.1], top_logprobs: [{ a: -0.1, b: -3 }] };
    expect(plain(read(openAiApi, [openai({ text: "a", logprobs: old })], request))[0]).toMatchObject({
      logprobs: [{ logprob: -0.1, top: [{ logprob: -0.1 }, { bytes: [98], logprob: -3 }] }],
    });
  });

  it("has its usage, with what was cached and reasoned", () => {
    const usage = {
      ...{ prompt_tokens: 9, completion_tokens: 5 },
      prompt_tokens_details: { cached_tokens: 4 },
      completion_tokens_details: { reasoning_tokens: 2 },
    };
    expect(read(openAiApi, [delta({ content: "a" }), { choices: [], usage }]).at(-1)).toEqual({
      ...{ type: "usage", promptTokens: 9, cachedTokens: 4, completionTokens: 5, reasoningTokens: 2 },
    });
  });

  it("refuses, is filtered, and ends at a stop string", () => {
    expect(plain(read(openAiApi, [delta({ refusal: "No." })]))[0]).toEqual({ type: "refusal", choice: 0, text: "No." });
    expect(plain(read(openAiApi, [openai({ finish_reason: "content_filter" })]))[0]).toMatchObject({
      reason: "content_filter",
    });
    const request = requestFor({ stop: ["END"] });
    expect(plain(read(openAiApi, [openai({ finish_reason: "stop", stop_reason: "END" })], request))[0]).toMatchObject({
      stopString: "END",
    });
  });
});

describe("an answer in Anthropic's form", () => {
  it("has thinking, text, calls, usage and its reason to finish", () => {
    const events = read(anthropicApi, [
      { type: "message_start", message: { usage: { input_tokens: 10, cache_read_input_tokens: 5, output_tokens: 1 } } },
      { type: "content_block_start", index: 0, content_block: { type: "thinking", thinking: "" } },
      { type: "content_block_delta", index: 0, delta: { type: "thinking_delta", thinking: "Hm." } },
      { type: "content_block_delta", index: 0, delta: { type: "signature_delta", signature: "x" } },
      { type: "content_block_start", index: 1, content_block: { type: "text", text: "" } },
      { type: "content_block_delta", index: 1, delta: { type: "text_delta", text: "Yes." } },
      { type: "ping" },
      { type: "content_block_start", index: 2, content_block: { type: "tool_use", id: "t1", name: "look", input: {} } },
      { type: "content_block_delta", index: 2, delta: { type: "input_json_delta", partial_json: '{"a":1}' } },
      { type: "message_delta", delta: { stop_reason: "tool_use" }, usage: { output_tokens: 7 } },
      { type: "message_stop" },
    ]);
    expect(events).toEqual([
      { type: "started" },
      { type: "reasoning", choice: 0, text: "Hm." },
      { type: "text", choice: 0, text: "Yes." },
      { type: "toolCall", choice: 0, index: 0, id: "t1", name: "look" },
      { type: "toolArguments", choice: 0, index: 0, text: '{"a":1}' },
      { type: "finished", choice: 0, reason: "tool_calls" },
      { type: "usage", promptTokens: 15, cachedTokens: 5, completionTokens: 7 },
    ]);
  });

  it("tells of its load in the stream", () => {
    const error = { type: "error", error: { type: "overloaded_error", message: "Overloaded" } };
    expect(() => read(anthropicApi, [error])).toThrow(
      expect.objectContaining({ failure: expect.objectContaining({ status: 529 }) }),
    );
  });
});

describe("an answer in Ollama's form", () => {
  it("has thinking, text, calls and counts", () => {
    const events = read(ollamaApi, [
      { message: { role: "assistant", content: "", thinking: "Hm." }, done: false },
      { message: { content: "Yes." }, done: false },
      { message: { content: "", tool_calls: [{ function: { name: "look", arguments: { a: 1 } } }] }, done: false },
      { message: { content: "", tool_calls: [{ function: { name: "look", arguments: { a: 2 } } }] }, done: false },
      { message: { content: "" }, done: true, done_reason: "stop", prompt_eval_count: 9, eval_count: 4 },
    ]);
    expect(events).toMatchObject([
      { type: "started" },
      { type: "reasoning", text: "Hm." },
      { type: "text", text: "Yes." },
      { type: "toolCall", index: 0, name: "look" },
      { type: "toolArguments", index: 0, text: '{"a":1}' },
      { type: "toolCall", index: 1, name: "look" },
      { type: "toolArguments", index: 1, text: '{"a":2}' },
      { type: "finished", reason: "tool_calls" },
      { type: "usage", promptTokens: 9, completionTokens: 4 },
    ]);
  });
});

describe("any answer", () => {
  const piece = fc.record(
    {
      index: fc.integer({ min: -1, max: 3 }),
      delta: fc.record(
        {
          content: fc.option(fc.string()),
          reasoning: fc.option(fc.string()),
          tool_calls: fc.array(
            fc.record(
              {
                index: fc.integer({ min: -1, max: 3 }),
                id: fc.constantFrom("a", "b", ""),
                function: fc.record({ name: fc.constantFrom("f", ""), arguments: fc.string() }, { requiredKeys: [] }),
              },
              { requiredKeys: [] },
            ),
            { maxLength: 3 },
          ),
        },
        { requiredKeys: [] },
      ),
      finish_reason: fc.constantFrom("stop", "length", "tool_calls", null, "odd"),
    },
    { requiredKeys: [] },
  );

  it("comes in the order of events, whatever the server does", () => {
    fc.assert(
      fc.property(fc.array(fc.array(piece, { maxLength: 3 }), { maxLength: 20 }), (chunks) => {
        const request = requestFor({ choices: 2 });
        const events = read(
          openAiApi,
          chunks.map((choices) => ({ choices })),
          request,
        );
        expect(events[0]).toEqual({ type: "started" });
        expect(events.at(-1)?.type).toBe("usage");
        for (const choice of [0, 1]) {
          const own = events.filter((event) => "choice" in event && event.choice === choice);
          expect(own.filter(({ type }) => type === "finished")).toHaveLength(1);
          expect(own.at(-1)?.type).toBe("finished");
          const begun = new Set<number>();
          for (const event of own) {
            if (event.type === "toolCall") {
              expect(event.index).toBe(begun.size);
              begun.add(event.index);
            }
            if (event.type === "toolArguments") expect(begun.has(event.index)).toBe(true);
          }
        }
        expect(events.every((event) => !("choice" in event) || event.choice < 2)).toBe(true);
      }),
    );
  });
});
