import { describe, expect, it } from "vitest";
import type { GenerationRequest, Message, Tool } from "../../src/generation/request.ts";
import type { Wish } from "../../src/generation/wish.ts";
import { anthropicApi } from "../../src/upstream/anthropic.ts";
import type { Api, Target } from "../../src/upstream/api.ts";
import { KINDS } from "../../src/upstream/kinds.ts";
import { ollamaApi } from "../../src/upstream/ollama.ts";
import { openAiApi } from "../../src/upstream/openai.ts";
import { requestFor } from "./support.ts";

const APIS: Readonly<Record<string, Api>> = { openai: openAiApi, anthropic: anthropicApi, ollama: ollamaApi };

function write(kind: keyof typeof KINDS, wish: Partial<Wish>, more: Partial<GenerationRequest> = {}) {
  const of = KINDS[kind];
  const target: Target = { kind: of, model: "theirs", contextTokens: undefined, session: "s" };
  return APIS[of.api]?.write(requestFor(wish, more), target);
}

const bodyFor = (...asked: Parameters<typeof write>) => write(...asked)?.body;

const TOOL: Tool = { name: "look", description: "Looks", parameters: { type: "object", properties: {} } };
const SCHEMA = { type: "object", properties: { a: { type: "integer" } } } as const;

const CONVERSATION: readonly Message[] = [
  { role: "system", content: "Be brief." },
  { role: "user", content: "Look." },
  {
    ...{ role: "assistant", content: "", reasoning: "Hm." },
    toolCalls: [
      { id: "c1", name: "look", arguments: '{"at":"sky"}' },
      { id: "c2", name: "look", arguments: "{}" },
    ],
  },
  { role: "tool", content: "blue", toolCallId: "c1" },
  { role: "tool", content: "", toolCallId: "c2" },
];

describe("a request as an upstream gets it", () => {
  it("says only what was said", () => {
    expect(write("vllm", {})).toEqual({
      path: "/chat/completions",
      body: {
        ...{ model: "theirs", stream: true, stream_options: { include_usage: true } },
        messages: [{ role: "user", content: "Hi" }],
      },
    });
    expect(bodyFor("ollama", {})).toEqual({
      model: "theirs",
      stream: true,
      messages: [{ role: "user", content: "Hi" }],
    });
    expect(bodyFor("anthropic", {})).toEqual({
      ...{ model: "theirs", stream: true, max_tokens: 8192 },
      messages: [{ role: "user", content: [{ type: "text", text: "Hi" }] }],
    });
  });

  it("has the sampling in the words of each kind", () => {
    const sampling = { temperature: 0.5, topK: 3, repeatPenalty: 1.1, seed: 2 ** 40 };
    expect(bodyFor("vllm", { sampling })).toMatchObject({
      ...{ temperature: 0.5, top_k: 3, repetition_penalty: 1.1, seed: 2 ** 40 },
    });
    expect(bodyFor("llama-server", { sampling })).toMatchObject({ repeat_penalty: 1.1 });
    expect(bodyFor("ollama", { sampling, maxTokens: 5, stop: ["x"] })).toMatchObject({
      options: { temperature: 0.5, top_k: 3, repeat_penalty: 1.1, seed: 2 ** 40, num_predict: 5, stop: ["x"] },
    });
  });

  it("names the bound of an answer as the kind does", () => {
    expect(bodyFor("openai", { maxTokens: 9 })).toMatchObject({ max_completion_tokens: 9 });
    expect(bodyFor("generic", { maxTokens: 9 })).toMatchObject({ max_tokens: 9 });
    expect(bodyFor("anthropic", { maxTokens: 9 })).toMatchObject({ max_tokens: 9 });
  });

  it("has the conversation with its calls and their results", () => {
    const prompt = { type: "chat", messages: CONVERSATION } as const;
    expect(bodyFor("vllm", { prompt })).toMatchObject({
      messages: [
        { role: "system", content: "Be brief." },
        { role: "user", content: "Look." },
        {
          ...{ role: "assistant", content: null, reasoning: "Hm." },
          tool_calls: [
            { id: "c1", type: "function", function: { name: "look", arguments: '{"at":"sky"}' } },
            { id: "c2", type: "function", function: { name: "look", arguments: "{}" } },
          ],
        },
        { role: "tool", content: "blue", tool_call_id: "c1" },
        { role: "tool", content: "", tool_call_id: "c2" },
      ],
    });
    expect(bodyFor("anthropic", { prompt })).toMatchObject({
      system: "Be brief.",
      messages: [
        { role: "user", content: [{ type: "text", text: "Look." }] },
        {
          role: "assistant",
          content: [
            { type: "tool_use", id: "c1", name: "look", input: { at: "sky" } },
            { type: "tool_use", id: "c2", name: "look", input: {} },
          ],
        },
        {
          role: "user",
          content: [
            { type: "tool_result", tool_use_id: "c1", content: "blue" },
            { type: "tool_result", tool_use_id: "c2" },
          ],
        },
      ],
    });
    expect(bodyFor("ollama", { prompt })).toMatchObject({
      messages: [
        ...[{ role: "system" }, { role: "user" }],
        {
          thinking: "Hm.",
          tool_calls: [{ function: { name: "look", arguments: { at: "sky" } } }, { function: { arguments: {} } }],
        },
        { role: "tool", content: "blue", tool_name: "look" },
        { role: "tool" },
      ],
    });
  });

  it("offers the tools that may be called, and says how", () => {
    const other = { ...TOOL, name: "other" };
    const use = { tools: [TOOL, other], choice: "required", allowed: ["look"], parallel: false } as const;
    expect(bodyFor("openai", {}, { tools: use })).toMatchObject({
      tools: [{ type: "function", function: { name: "look", description: "Looks", parameters: TOOL.parameters } }],
      tool_choice: { type: "function", function: { name: "look" } },
      parallel_tool_calls: false,
    });
    expect(bodyFor("anthropic", {}, { tools: use })).toMatchObject({
      tools: [{ name: "look", input_schema: TOOL.parameters }],
      tool_choice: { type: "tool", name: "look", disable_parallel_tool_use: true },
    });
    expect(bodyFor("anthropic", {}, { tools: { ...use, choice: "none", allowed: undefined } })).toMatchObject({
      tool_choice: { type: "none" },
    });
    expect(bodyFor("ollama", {}, { tools: { ...use, choice: "none" } })).not.toHaveProperty("tools");
  });

  it("has the form of the answer in the words of each kind", () => {
    const output = { type: "schema", schema: SCHEMA, strict: true } as const;
    expect(bodyFor("openai", { output, outputName: { name: "thing" } })).toMatchObject({
      response_format: { type: "json_schema", json_schema: { name: "thing", schema: SCHEMA, strict: true } },
    });
    expect(bodyFor("anthropic", { output })).toMatchObject({
      output_config: { format: { type: "json_schema", schema: SCHEMA } },
    });
    expect(bodyFor("ollama", { output })).toMatchObject({ format: SCHEMA });
    expect(bodyFor("vllm", { output: { type: "regex", pattern: "a+" } })).toMatchObject({
      structured_outputs: { regex: "a+" },
    });
    expect(bodyFor("sglang", { output: { type: "regex", pattern: "a+" } })).toMatchObject({ regex: "a+" });
  });

  it("asks for thinking as each kind does", () => {
    const prompt = {
      type: "chat",
      messages: [{ role: "user", content: "Hi" }],
      templateArguments: { enable_thinking: true, reasoning_effort: "low" },
    } as const;
    expect(bodyFor("vllm", { prompt })).toMatchObject({
      chat_template_kwargs: { enable_thinking: true },
      reasoning_effort: "low",
    });
    expect(bodyFor("openai", { prompt })).toMatchObject({ reasoning_effort: "low" });
    expect(bodyFor("openai", { prompt })).not.toHaveProperty("chat_template_kwargs");
    expect(bodyFor("anthropic", { prompt })).toMatchObject({ thinking: { type: "enabled", budget_tokens: 1024 } });
    expect(bodyFor("ollama", { prompt })).toMatchObject({ think: "low" });
  });

  it("goes on from a text or from tokens where the kind can", () => {
    expect(write("vllm", { prompt: { type: "text", text: "Once" }, logprobs: 2 })).toMatchObject({
      path: "/completions",
      body: { prompt: "Once", logprobs: 2 },
    });
    expect(write("vllm", { prompt: { type: "tokens", tokens: [1, 2] } })).toMatchObject({ body: { prompt: [1, 2] } });
    expect(write("ollama", { prompt: { type: "text", text: "Once" } })).toMatchObject({
      path: "/generate",
      body: { prompt: "Once", raw: true },
    });
  });

  it.each([
    ["openai", "top_k", { sampling: { topK: 3 } }],
    ["openai", "repeat_penalty", { sampling: { repeatPenalty: 1.5 } }],
    ["openai", "regex", { output: { type: "regex", pattern: "a" } }],
    ["generic", "grammar", { output: { type: "grammar", grammar: { gbnf: 'root ::= "a"' } } }],
    ["generic", "stop_token_ids", { stopTokenIds: [3] }],
    ["vllm", "prompt_logprobs", { promptLogprobs: 1 }],
    ["anthropic", "seed", { sampling: { seed: 1 } }],
    ["anthropic", "prompt", { prompt: { type: "text", text: "a" } }],
    ["anthropic", "response_format", { output: { type: "json" } }],
    ["ollama", "prompt", { prompt: { type: "tokens", tokens: [1] } }],
  ] as const)("is refused by the field that the kind has no word for: %s, %s", (kind, field, wish) => {
    expect(() => write(kind, wish)).toThrow(expect.objectContaining({ code: "unsupported_parameter", field }));
  });

  it("is not refused for a value that changes nothing", () => {
    const sampling = { topK: 0, minP: 0, repeatPenalty: 1, presencePenalty: 0, xtcProbability: 0 };
    expect(bodyFor("anthropic", { sampling })).toMatchObject({ top_k: 0 });
    expect(bodyFor("openai", { sampling })).toMatchObject({ presence_penalty: 0 });
  });
});
