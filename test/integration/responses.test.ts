import OpenAI from "openai";
import type { ResponseInputItem } from "openai/resources/responses/responses";
import { ResponsesWS } from "openai/resources/responses/ws";
import { describe, expect, inject, test } from "vitest";
import { compactedResponse, responseEvent } from "../fixtures/openai/responses.ts";

const MODEL = "smollm2-135m-instruct";
const client = new OpenAI({ baseURL: `${inject("gatewayUrl")}/v1`, apiKey: "none", maxRetries: 0 });
const greedy = { model: MODEL, temperature: 0, max_output_tokens: 24 };

describe("the Responses API, with the official client and the real model", () => {
  test("answers whole and streamed alike", async () => {
    const whole = await client.responses.create({ ...greedy, input: "Tell me about the sea." });
    expect(whole.output_text.split(" ").length).toBeGreaterThan(8);
    expect(whole).toMatchObject({ status: "incomplete", incomplete_details: { reason: "max_output_tokens" } });
    expect(whole.usage).toMatchObject({ output_tokens: 24 });

    const stream = await client.responses.create({ ...greedy, input: "Tell me about the sea.", stream: true });
    let text = "";
    let count = 0;
    for await (const event of stream) {
      expect(responseEvent.parse(event).sequence_number).toBe(count);
      count += 1;
      if (event.type === "response.output_text.delta") text += event.delta;
    }
    expect(text).toBe(whole.output_text);
  });

  test("continues a previous response as if the whole input had been sent", async () => {
    const first = await client.responses.create({ ...greedy, input: "My name is Ann." });
    const second = await client.responses.create({ ...greedy, input: "And mine?", previous_response_id: first.id });
    const atOnce = await client.responses.create({
      ...greedy,
      input: [
        { role: "user", content: "My name is Ann." },
        { role: "assistant", content: first.output_text },
        { role: "user", content: "And mine?" },
      ],
    });
    expect(second.usage?.input_tokens).toBe(atOnce.usage?.input_tokens);
    const items = await client.responses.inputItems.list(second.id, { order: "asc" });
    expect(items.data).toHaveLength(3);
    expect(await client.responses.retrieve(second.id)).toMatchObject({ id: second.id, output: second.output });
    await client.responses.delete(second.id);
    await expect(client.responses.retrieve(second.id)).rejects.toMatchObject({ status: 404 });
  });

  test("answers over a WebSocket as over HTTP, and continues responses there that are not stored", async () => {
    const ws = new ResponsesWS(client);
    async function ask(body: { readonly input: string; readonly previous_response_id?: string }) {
      ws.send({ type: "response.create", ...greedy, store: false, ...body });
      for await (const event of ws) {
        if (event.type === "error") throw event.error;
        if (event.type !== "message") continue;
        responseEvent.parse(event.message);
        if (event.message.type === "response.incomplete" || event.message.type === "response.completed") {
          return event.message.response;
        }
      }
      throw new Error("The connection was closed.");
    }
    const first = await ask({ input: "My name is Ann." });
    const second = await ask({ input: "And mine?", previous_response_id: first.id });
    ws.close();
    const one = await client.responses.create({ ...greedy, input: "My name is Ann." });
    const two = await client.responses.create({ ...greedy, input: "And mine?", previous_response_id: one.id });
    expect(second.usage?.input_tokens).toBe(two.usage?.input_tokens);
    expect(second.usage?.input_tokens_details.cached_tokens).toBeGreaterThan(20);
    await expect(client.responses.retrieve(first.id)).rejects.toMatchObject({ status: 404 });
  });

  test("keeps a conversation", async () => {
    const conversation = await client.conversations.create();
    await client.conversations.items.create(conversation.id, {
      items: [{ type: "message", role: "user", content: "My name is Ann." }],
    });
    await client.responses.create({ ...greedy, input: "Say hi.", conversation: conversation.id });
    const items = [];
    for await (const item of client.conversations.items.list(conversation.id, { limit: 1 })) items.push(item);
    expect(items.map((item) => ("role" in item ? item.role : item.type))).toEqual(["assistant", "user", "user"]);
    await client.conversations.update(conversation.id, { metadata: { topic: "names" } });
    expect((await client.conversations.retrieve(conversation.id)).metadata).toEqual({ topic: "names" });
    await client.conversations.delete(conversation.id);
  });

  test("runs in the background, and is cancelled there", async () => {
    const queued = await client.responses.create({ ...greedy, input: "Hi", background: true, stream: true });
    let id = "";
    for await (const event of queued) {
      if (event.type === "response.created") id = event.response.id;
      if (event.type === "response.in_progress") break;
    }
    // The response continues without its client; it is then followed from where the client left.
    const rest = await client.responses.retrieve(id, { stream: true, starting_after: 2 });
    const types: string[] = [];
    for await (const event of rest) types.push(event.type);
    expect(types[0]).toBe("response.output_item.added");
    expect(types.at(-1)).toMatch(/^response\.(completed|incomplete)$/);

    const long = await client.responses.create({ model: MODEL, input: "Count to 900.", background: true });
    expect(long.status).toBe("queued");
    expect((await client.responses.cancel(long.id)).status).toBe("cancelled");
    expect((await client.responses.retrieve(long.id)).status).toBe("cancelled");
  });

  test("drops the oldest items if not everything fits and truncation is `auto`", async () => {
    const input = Array.from({ length: 40 }, (_, index) => ({
      role: "user" as const,
      content: `Fact ${index}: ${"the sea is wide and deep and blue. ".repeat(6)}`,
    }));
    await expect(client.responses.create({ ...greedy, input })).rejects.toMatchObject({
      status: 400,
      code: "context_length_exceeded",
      param: "input",
    });
    const answer = await client.responses.create({ ...greedy, input, truncation: "auto", max_output_tokens: 1 });
    expect(answer.usage?.input_tokens).toBeLessThan(1024);
    expect(answer.usage?.input_tokens).toBeGreaterThan(500);
  });

  test("calls a function, uses its result, and constrains texts to a schema", async () => {
    const parameters = {
      type: "object",
      properties: { city: { type: "string", enum: ["Paris", "Rome"] } },
      required: ["city"],
      additionalProperties: false,
    };
    const tools = [
      { type: "function" as const, name: "weather", description: "The weather of a city", parameters, strict: true },
    ];
    const body = { ...greedy, max_output_tokens: 80, tools };
    const input = "How is the weather in Paris?";
    const asked = await client.responses.create({ ...body, input, tool_choice: { type: "function", name: "weather" } });
    expect(asked.output).toHaveLength(1);
    const [call] = asked.output;
    if (call?.type !== "function_call") throw new Error("It called nothing.");
    expect(["Paris", "Rome"]).toContain(JSON.parse(call.arguments).city);

    const told = await client.responses.create({
      ...body,
      previous_response_id: asked.id,
      input: [{ type: "function_call_output", call_id: call.call_id, output: "Sunny, 24 degrees" }],
      tool_choice: "none",
      text: { format: { type: "json_schema", name: "weather", schema: parameters, strict: true } },
    });
    expect(["Paris", "Rome"]).toContain(JSON.parse(told.output_text).city);
    const types = (await client.responses.inputItems.list(told.id, { order: "asc" })).data.map(({ type }) => type);
    expect(types).toEqual(["message", "function_call", "function_call_output"]);
  });

  test("gives the log-probabilities of its tokens", async () => {
    const answer = await client.responses.create({
      ...greedy,
      input: "Say hi",
      max_output_tokens: 4,
      include: ["message.output_text.logprobs"],
      top_logprobs: 2,
    });
    const [message] = answer.output;
    const part = message?.type === "message" ? message.content[0] : undefined;
    const logprobs = part?.type === "output_text" ? (part.logprobs ?? []) : [];
    expect(logprobs).toHaveLength(4);
    expect(logprobs.map(({ token }) => token).join("")).toBe(answer.output_text);
    // Greedy sampling picks the most likely token.
    for (const { token, top_logprobs } of logprobs) expect(top_logprobs[0]?.token).toBe(token);
  });

  test("counts the tokens of an input as the response does", async () => {
    const body = { model: MODEL, input: "Tell me about the sea.", instructions: "Be brief." };
    const { input_tokens } = await client.responses.inputTokens.count(body);
    const answer = await client.responses.create({ ...body, max_output_tokens: 1 });
    expect(answer.usage?.input_tokens).toBe(input_tokens);
  });

  test("compacts a conversation, and continues from the result", async () => {
    const said = Array.from({ length: 5 }, (_, index) => [
      { role: "user" as const, content: `Tell me fact ${index} about the sea.` },
      { role: "assistant" as const, content: `Fact ${index}: ${"the sea is wide and deep and blue. ".repeat(6)}` },
    ]).flat();
    const compacted = await client.responses.compact({ model: MODEL, input: said });
    const { output, usage } = compactedResponse.parse(compacted);
    expect(output.at(-1)?.type).toBe("compaction");
    expect(usage.input_tokens).toBeGreaterThan(250);
    expect(usage.output_tokens).toBeGreaterThan(10);

    const answer = await client.responses.create({
      ...greedy,
      // The description's types have no user message in an answer.
      input: [...(compacted.output as ResponseInputItem[]), { role: "user", content: "What is the sea like?" }],
    });
    expect(answer.output_text).not.toBe("");
    expect(answer.usage?.input_tokens).toBeLessThan(usage.input_tokens);
  });
});

describe("stored chat completions, with the official client", () => {
  test("are listed, shown, changed and deleted", async () => {
    const messages = [{ role: "user" as const, content: "Say hi" }];
    const metadata = { run: crypto.randomUUID() };
    const { id, choices } = await client.chat.completions.create({
      model: MODEL,
      messages,
      max_tokens: 8,
      store: true,
      metadata,
    });
    const listed = await client.chat.completions.list({ metadata });
    expect(listed.data.map((completion) => completion.id)).toEqual([id]);
    expect((await client.chat.completions.retrieve(id)).choices).toEqual(choices);
    expect((await client.chat.completions.messages.list(id)).data).toMatchObject([{ role: "user", content: "Say hi" }]);
    await client.chat.completions.update(id, { metadata: { run: "over" } });
    expect((await client.chat.completions.list({ metadata })).data).toEqual([]);
    expect(await client.chat.completions.delete(id)).toMatchObject({ deleted: true });
  });
});
