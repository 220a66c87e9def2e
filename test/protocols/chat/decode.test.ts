import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PLAIN_SAMPLING } from "../../../src/generation/sampling.ts";
import { decodeChatRequest } from "../../../src/protocols/chat/decode.ts";
import { InvalidRequestError } from "../../../src/protocols/errors.ts";
import { decode, MESSAGES } from "./support.ts";

function sampling(fields: Readonly<Record<string, unknown>>) {
  return decode(fields).generation.sampling;
}

describe("a chat request", () => {
  it("has OpenAI's defaults, and llama.cpp's samplers off", () => {
    expect(decode({})).toEqual({
      model: "one",
      stream: false,
      includeUsage: false,
      answersFunctionCall: false,
      toolLabels: new Map(),
      toolPlaces: [],
      droppedTools: [],
      generation: {
        prompt: { type: "chat", messages: [{ role: "user", content: "Hi" }] },
        choices: 1,
        maxTokens: undefined,
        stop: [],
        sampling: PLAIN_SAMPLING,
      },
    });
  });

  it("passes every setting to the generation", () => {
    const chat = decode({
      stream: true,
      stream_options: { include_usage: true, include_obfuscation: false },
      n: 3,
      max_completion_tokens: 50,
      stop: ["\n\n", "END"],
      temperature: 0.5,
      top_p: 0.9,
      top_k: 40,
      min_p: 0.05,
      repeat_penalty: 1.1,
      presence_penalty: -2,
      frequency_penalty: 2,
      logit_bias: { "7": -100, "50256": 1.5 },
      seed: 42,
    });
    expect(chat).toMatchObject({ stream: true, includeUsage: true });
    expect(chat.generation).toEqual({
      prompt: { type: "chat", messages: [{ role: "user", content: "Hi" }] },
      choices: 3,
      maxTokens: 50,
      stop: ["\n\n", "END"],
      sampling: {
        ...PLAIN_SAMPLING,
        temperature: 0.5,
        topP: 0.9,
        topK: 40,
        minP: 0.05,
        repeatPenalty: 1.1,
        presencePenalty: -2,
        frequencyPenalty: 2,
        logitBias: [
          [7, -100],
          [50256, 1.5],
        ],
        seed: 42,
      },
    });
  });

  it("treats null as absent in every optional field", () => {
    const fields = [
      ..."n max_tokens max_completion_tokens stop stream stream_options temperature top_p presence_penalty".split(" "),
      ..."frequency_penalty logit_bias seed top_k min_p repeat_penalty user safety_identifier".split(" "),
      ..."prompt_cache_key parallel_tool_calls tools tool_choice functions function_call response_format".split(" "),
      ..."logprobs top_logprobs audio modalities store metadata prediction web_search_options moderation".split(" "),
      ..."service_tier reasoning_effort verbosity prompt_cache_retention prompt_cache_options".split(" "),
      ..."grammar regex chat_template_kwargs continue_final_message".split(" "),
    ];
    expect(decode(Object.fromEntries(fields.map((field) => [field, null])))).toEqual(decode({}));
  });

  it("ignores unknown fields and hints without effect", () => {
    expect(
      decode({
        some_future_field: { deep: [1] },
        user: "u",
        safety_identifier: "s",
        prompt_cache_key: "k",
        metadata: { a: "b" },
        store: false,
        parallel_tool_calls: false,
        tools: [],
        tool_choice: "none",
        response_format: { type: "text" },
        modalities: ["text"],
        logprobs: false,
        prediction: { type: "content", content: [{ type: "text", text: "x" }] },
        verbosity: "medium",
      }),
    ).toEqual(decode({}));
  });

  it("passes on the requested tier", () => {
    expect(decode({ service_tier: "flex" }).serviceTier).toBe("flex");
  });

  it("accepts max_tokens as well as max_completion_tokens", () => {
    expect(decode({ max_tokens: 9 }).generation.maxTokens).toBe(9);
    expect(decode({ max_tokens: null, max_completion_tokens: 8 }).generation.maxTokens).toBe(8);
  });

  it("treats a stop string as a list of one", () => {
    expect(decode({ stop: "END" }).generation.stop).toEqual(["END"]);
  });

  it("keeps only the most likely token for top_p 0", () => {
    expect(sampling({ top_p: 0, temperature: 1.5 })).toMatchObject({ temperature: 0, topP: 1 });
  });

  it("turns top_k off for −1", () => {
    expect(sampling({ top_k: -1 }).topK).toBe(0);
  });

  it.each([
    [0, 0],
    [42, 42],
    [4_294_967_294, 4_294_967_294],
    [4_294_967_295, 0],
    [-1, 4_294_967_294],
  ])("maps the seed %d to a uint32", (seed, folded) => {
    expect(sampling({ seed }).seed).toBe(folded);
  });

  it("maps every int64 seed to a uint32 that llama.cpp doesn't treat as random", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n }), (seed) => {
        const folded = sampling({ seed: Number(seed) }).seed;
        expect(Number.isInteger(folded)).toBe(true);
        expect(folded).toBeGreaterThanOrEqual(0);
        expect(folded).toBeLessThan(0xffff_ffff);
      }),
    );
  });

  it("accepts template settings: an effort, variables, a text to continue", () => {
    const promptOf = (fields: Readonly<Record<string, unknown>>) => decode(fields).generation.prompt;
    expect(promptOf({ reasoning_effort: "none" })).toMatchObject({ templateArguments: { enable_thinking: false } });
    expect(promptOf({ reasoning_effort: "minimal" })).toMatchObject({
      templateArguments: { enable_thinking: true, reasoning_effort: "low" },
    });
    expect(
      promptOf({ reasoning_effort: "high", chat_template_kwargs: { enable_thinking: false, x: [1] } }),
    ).toMatchObject({
      templateArguments: { enable_thinking: false, reasoning_effort: "high", x: [1] },
    });
    const messages = [...MESSAGES, { role: "assistant", content: "It is" }];
    expect(promptOf({ messages, continue_final_message: true })).toMatchObject({ continueFinal: true });
    expect(promptOf({ messages, continue_final_message: false })).not.toHaveProperty("continueFinal");
  });

  it("requests log-probabilities, with the requested number of most likely tokens", () => {
    expect(decode({ logprobs: true }).generation.logprobs).toBe(0);
    expect(decode({ logprobs: true, top_logprobs: 20 }).generation.logprobs).toBe(20);
    expect(decode({ logprobs: false, top_logprobs: 0 }).generation).not.toHaveProperty("logprobs");
  });

  it("sets the format of the text", () => {
    const schema = { type: "object", properties: {}, additionalProperties: false };
    expect(decode({ response_format: { type: "json_object" } }).generation.output).toEqual({ type: "json" });
    const format = { type: "json_schema", json_schema: { name: "a", schema, strict: true } };
    expect(decode({ response_format: format }).generation.output).toEqual({ type: "schema", schema, strict: true });
    expect(decode({ regex: "[ab]+" }).generation.output).toEqual({ type: "regex", pattern: "[ab]+" });
    expect(decode({ grammar: 'root ::= "a"' }).generation.output).toMatchObject({ type: "grammar" });
  });

  it("is decoded or refused with a field's name, whatever JSON it is", () => {
    const fields = fc.constantFrom(
      ..."model messages n stop seed logit_bias temperature stream stream_options tools response_format".split(" "),
      ..."tool_choice functions function_call chat_template_kwargs metadata prediction".split(" "),
    );
    const part = fc.record({ type: fc.constantFrom("text", "refusal", "image_url", "x"), text: fc.jsonValue() });
    const message = fc.record({
      role: fc.oneof(fc.constantFrom("user", "assistant", "tool", "system"), fc.jsonValue()),
      content: fc.oneof(fc.string(), fc.array(part), fc.jsonValue()),
    });
    const value = fc.oneof(fc.jsonValue(), fc.array(message, { maxLength: 3 }), fc.double(), fc.constant("one"));
    fc.assert(
      fc.property(fc.dictionary(fields, value), (body) => {
        try {
          decodeChatRequest(body);
        } catch (error) {
          expect(error).toBeInstanceOf(InvalidRequestError);
          expect(error).toMatchObject({ param: expect.any(String), message: expect.stringContaining("'") });
        }
      }),
      { numRuns: 200 },
    );
  });
});
