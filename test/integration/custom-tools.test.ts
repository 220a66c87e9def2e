import OpenAI from "openai";
import { describe, expect, inject, test } from "vitest";
import { responseEvent } from "../fixtures/openai/responses.ts";

const client = new OpenAI({ baseURL: `${inject("gatewayUrl")}/v1`, apiKey: "none", maxRetries: 0 });
const model = "smollm2-135m-instruct";
const messages = [{ role: "user" as const, content: "Change the file." }];

/** A list of changes, one per line, with characters that JSON has to escape. */
const CHANGES = `
start: "*** Begin" LF line~1..2 "*** End"
line: ("+" | "-") WORD " \\"" WORD "\\"" LF
WORD: /[a-z]{1,8}/
%import common.LF
`;
const WRITTEN = /^\*\*\* Begin\n(?:[+-][a-z]{1,8} "[a-z]{1,8}"\n){1,2}\*\*\* End$/;

describe("custom tools, with the real model", () => {
  test("are called with a text that fits a Lark grammar, in chat completions", async () => {
    const custom = {
      name: "change",
      format: { type: "grammar" as const, grammar: { syntax: "lark" as const, definition: CHANGES } },
    };
    const request = {
      model,
      messages,
      tools: [{ type: "custom" as const, custom }],
      tool_choice: { type: "custom" as const, custom: { name: "change" } },
      temperature: 2,
      seed: 1,
      max_tokens: 200,
    };
    const { choices } = await client.chat.completions.create(request);
    const [call] = choices[0]?.message.tool_calls ?? [];
    if (call?.type !== "custom") throw new Error("no custom tool was called");
    expect(choices[0]?.finish_reason).toBe("tool_calls");
    expect(call.custom).toEqual({ name: "change", input: expect.stringMatching(WRITTEN) });

    let input = "";
    for await (const chunk of await client.chat.completions.create({ ...request, stream: true })) {
      const [delta] = (chunk.choices[0]?.delta.tool_calls ?? []) as { custom?: { input?: string } }[];
      input += delta?.custom?.input ?? "";
    }
    expect(input).toBe(call.custom.input);
  });

  test("are called with a text that matches a regular expression, in responses, which continue from it", async () => {
    const tool = {
      type: "custom" as const,
      name: "say",
      format: { type: "grammar" as const, syntax: "regex" as const, definition: "(yes|no)\\n[a-z]{2,5}" },
    };
    const request = {
      model,
      input: "Say it.",
      tools: [{ type: "namespace" as const, name: "voice", description: "Voices", tools: [tool] }],
      tool_choice: "required" as const,
      parallel_tool_calls: false,
      max_output_tokens: 100,
      temperature: 0,
    };
    const stream = await client.responses.create({ ...request, stream: true });
    const events = [];
    for await (const event of stream) events.push(responseEvent.parse(event));
    const last = events.at(-1);
    if (last?.type !== "response.completed") throw new Error("the response was not completed");
    const [call] = last.response.output;
    if (call?.type !== "custom_tool_call") throw new Error("no custom tool was called");
    expect(call).toMatchObject({
      name: "say",
      namespace: "voice",
      input: expect.stringMatching(/^(yes|no)\n[a-z]{2,5}$/),
    });
    const deltas = events.map((event) => (event.type === "response.custom_tool_call_input.delta" ? event.delta : ""));
    expect(deltas.join("")).toBe(call.input);

    const next = await client.responses.create({
      ...request,
      tool_choice: "none",
      max_output_tokens: 4,
      previous_response_id: last.response.id,
      input: [{ type: "custom_tool_call_output", call_id: call.call_id, output: "Said." }],
    });
    expect(next.output).toHaveLength(1);
    const items = await client.responses.inputItems.list(next.id, { order: "asc" });
    expect(items.data.map(({ type }) => type)).toEqual(["message", "custom_tool_call", "custom_tool_call_output"]);
  });
});

describe("a call that max_tokens cuts off, with the real model", () => {
  const look = {
    type: "function" as const,
    function: {
      name: "look",
      parameters: { type: "object", properties: { at: { type: "string" } }, required: ["at"] },
    },
  };
  const request = {
    model,
    messages,
    tools: [look],
    tool_choice: { type: "function" as const, function: { name: "look" } },
    temperature: 0,
  };

  test("is a call as far as it was generated, at every limit", async () => {
    const whole = await client.chat.completions.create({ ...request, max_tokens: 100 });
    const [call] = whole.choices[0]?.message.tool_calls ?? [];
    if (call?.type !== "function") throw new Error("no function was called");
    const tokens = whole.usage?.completion_tokens ?? 0;
    const bounds = [1, 2, 5, 8, 12, tokens - 4, tokens - 3, tokens - 2, tokens - 1];
    for (const max_tokens of bounds.filter((bound) => bound > 0 && bound < tokens)) {
      const { choices } = await client.chat.completions.create({ ...request, max_tokens });
      const [part] = choices[0]?.message.tool_calls ?? [];
      if (part?.type !== "function") throw new Error(`no function was called with ${max_tokens} tokens`);
      expect(choices[0]?.message.content).toBeNull();
      expect(part.function.name).toBe("look");
      expect(call.function.arguments.startsWith(part.function.arguments)).toBe(true);
      const isWhole = part.function.arguments === call.function.arguments;
      expect(choices[0]?.finish_reason).toBe(isWhole ? "tool_calls" : "length");
    }
  });
});
