import Anthropic, { APIUserAbortError, BadRequestError, NotFoundError } from "@anthropic-ai/sdk";
import { describe, expect, inject, test } from "vitest";
import { message as messageSchema } from "../fixtures/anthropic/schemas.ts";

const client = new Anthropic({ baseURL: inject("gatewayUrl"), apiKey: "none", maxRetries: 0 });
const model = "smollm2-135m-instruct";
const messages = [{ role: "user" as const, content: "Say hi" }];
/** Missing from the package's types since version 2026-10-21 of the API. */
const greedy = { temperature: 0 };

describe("the official @anthropic-ai/sdk package", () => {
  test("gets an unstreamed message", async () => {
    const message = await client.messages.create({ model, messages, max_tokens: 20, ...greedy });
    messageSchema.parse(message);
    const [block] = message.content;
    expect(block?.type === "text" && block.text).toContain("glad");
    expect(message.usage.input_tokens + (message.usage.cache_read_input_tokens ?? 0)).toBeGreaterThan(5);
    expect(message._request_id).toMatch(/^req_/);
  });

  test("streams the same message, and assembles it with its own helper", async () => {
    const request = { model, messages, max_tokens: 20, ...greedy };
    const whole = await client.messages.create(request);
    const stream = client.messages.stream(request);
    const pieces: string[] = [];
    stream.on("text", (text) => pieces.push(text));
    const streamed = await stream.finalMessage();
    expect(streamed.content).toEqual(whole.content);
    expect(pieces.join("")).toBe(await stream.finalText());
    expect(streamed.stop_reason).toBe(whole.stop_reason);
    expect(streamed.usage.output_tokens).toBe(whole.usage.output_tokens);
  });

  test("reads the events one by one", async () => {
    const stream = await client.messages.create({ model, messages, max_tokens: 5, stream: true });
    const types: string[] = [];
    for await (const event of stream) types.push(event.type);
    expect(types.slice(0, 2)).toEqual(["message_start", "content_block_start"]);
    expect(types.slice(-3)).toEqual(["content_block_stop", "message_delta", "message_stop"]);
  });

  test("learns which stop sequence ended the message", async () => {
    const message = await client.messages.create({
      model,
      messages,
      max_tokens: 40,
      stop_sequences: ["never said", " glad"],
      ...greedy,
    });
    expect(message).toMatchObject({ stop_reason: "stop_sequence", stop_sequence: " glad" });
    expect(JSON.stringify(message.content)).not.toContain("glad");
  });

  test("learns that max_tokens ended the message", async () => {
    const message = await client.messages.create({ model, messages, max_tokens: 2, ...greedy });
    expect(message).toMatchObject({ stop_reason: "max_tokens", usage: { output_tokens: 2 } });
  });

  test("aborts a stream, and an unstreamed message in progress", async () => {
    const stream = await client.messages.create({ model, messages, max_tokens: 500, stream: true });
    let events = 0;
    for await (const _ of stream) if (++events === 5) stream.controller.abort();
    expect(events).toBe(5);

    const controller = new AbortController();
    const answer = client.messages.create({ model, messages, max_tokens: 900 }, { signal: controller.signal });
    controller.abort();
    await expect(answer).rejects.toBeInstanceOf(APIUserAbortError);
  });

  test("reuses a conversation's prefix, and reports its length", async () => {
    const system = "You are a careful assistant. ".repeat(30);
    const request = { model, system, messages, max_tokens: 3 };
    const first = await client.messages.create(request);
    const second = await client.messages.create({
      ...request,
      messages: [...messages, { role: "assistant", content: "Hi." }, { role: "user", content: "And now?" }],
    });
    const total = (usage: Anthropic.Usage) => usage.input_tokens + (usage.cache_read_input_tokens ?? 0);
    expect(total(second.usage)).toBeGreaterThan(total(first.usage));
    expect(second.usage.cache_read_input_tokens).toBeGreaterThan(100);
  });

  test("lists the models and finds one by its alias", async () => {
    const ids: string[] = [];
    for await (const each of client.models.list()) ids.push(each.id);
    expect(ids.filter((id) => !id.startsWith("preset/"))).toEqual([model]);
    expect((await client.models.retrieve("smollm2")).id).toBe(model);
  });

  test("throws its typed exceptions", async () => {
    const unknown = client.messages.create({ model: "no-such-model", messages, max_tokens: 5 });
    await expect(unknown).rejects.toBeInstanceOf(NotFoundError);
    await expect(unknown).rejects.toMatchObject({ status: 404, type: "not_found_error" });
    await expect(unknown).rejects.toThrow(model);

    const wrong = client.messages.create({ model, messages, max_tokens: 0.5 });
    await expect(wrong).rejects.toBeInstanceOf(BadRequestError);
    await expect(wrong).rejects.toMatchObject({
      status: 400,
      type: "invalid_request_error",
      requestID: expect.stringMatching(/^req_/),
      apiMessage: expect.stringContaining("'max_tokens'"),
    });

    const tooLong = client.messages.create({
      model,
      messages: [{ role: "user", content: "word ".repeat(3_000) }],
      max_tokens: 5,
      stream: true,
    });
    await expect(tooLong).rejects.toThrow("prompt is too long");
  });
});

describe("the official @anthropic-ai/sdk package, counting tokens", () => {
  const tools: Anthropic.Tool[] = [
    { name: "get_time", description: "Tells the time.", input_schema: { type: "object", properties: {} } },
  ];
  test.each<[string, Omit<Anthropic.MessageCountTokensParams, "model">]>([
    ["a question", { messages }],
    [
      "a system prompt",
      { messages, system: [{ type: "text", text: "Be brief.", cache_control: { type: "ephemeral" } }] },
    ],
    ["a message to continue", { messages: [...messages, { role: "assistant", content: "Hi, I am" }] }],
    ["text that spells control tokens", { messages: [{ role: "user", content: "What is <|im_end|> for?" }] }],
    ["tools", { messages, tools }],
  ])("gets the same count as the usage of a message: %s", async (_, input) => {
    const { usage } = await client.messages.create({ model, max_tokens: 1, ...input });
    const count = await client.messages.countTokens({ model, ...input });
    expect(count.input_tokens).toBe(usage.input_tokens + (usage.cache_read_input_tokens ?? 0));
  });
});

describe("the official @anthropic-ai/sdk package, with tools", () => {
  const tools: Anthropic.Tool[] = [
    {
      name: "get_weather",
      description: "Tells the weather in a city.",
      input_schema: {
        type: "object",
        properties: { city: { type: "string", maxLength: 20 }, unit: { enum: ["celsius", "fahrenheit"] } },
        required: ["city", "unit"],
        additionalProperties: false,
      },
    },
  ];
  const request = {
    model,
    tools,
    tool_choice: { type: "tool" as const, name: "get_weather", disable_parallel_tool_use: true },
    messages: [{ role: "user" as const, content: "What is the weather in Paris?" }],
    max_tokens: 200,
    ...greedy,
  };

  test("gets a call whose input fits its schema, and continues with the result", async () => {
    const message = await client.messages.create(request);
    messageSchema.parse(message);
    expect(message.stop_reason).toBe("tool_use");
    const call = message.content.find((block) => block.type === "tool_use");
    expect(call).toMatchObject({
      name: "get_weather",
      input: { city: expect.any(String), unit: expect.stringMatching(/^(celsius|fahrenheit)$/) },
    });
    const result = { type: "tool_result" as const, tool_use_id: call?.id ?? "", content: "It is sunny." };
    const next = await client.messages.create({
      ...request,
      tool_choice: { type: "none" },
      messages: [
        ...request.messages,
        { role: "assistant", content: message.content },
        { role: "user", content: [result] },
      ],
      max_tokens: 20,
    });
    expect(next.content.map(({ type }) => type)).toEqual(["text"]);
  });

  test("assembles the same call from a stream", async () => {
    const whole = await client.messages.create(request);
    const streamed = await client.messages.stream(request).finalMessage();
    const inputs = ({ content }: Anthropic.Message) =>
      content.flatMap((block) => (block.type === "tool_use" ? [block.input] : []));
    expect(inputs(streamed)).toEqual(inputs(whole));
    expect(streamed.stop_reason).toBe("tool_use");
  });

  test("gets output that fits a schema", async () => {
    const schema = {
      type: "object",
      properties: { greeting: { type: "string", maxLength: 20 } },
      required: ["greeting"],
      additionalProperties: false,
    };
    const message = await client.messages.create({
      model,
      messages,
      max_tokens: 100,
      output_config: { format: { type: "json_schema", schema } },
    });
    const [block] = message.content;
    expect(JSON.parse(block?.type === "text" ? block.text : "")).toEqual({ greeting: expect.any(String) });
  });
});
