import OpenAI, { BadRequestError, InternalServerError, NotFoundError } from "openai";
import { describe, expect, it } from "vitest";
import { EngineCrashedError, OverloadedError } from "../../src/generation/errors.ts";
import { answerWith, createTestApp, listen, MODEL_ID, script, type TestAppOptions } from "./support.ts";

const MESSAGES = [{ role: "user", content: "Hi" }] as const;

/** The official client, with a server of its own that lives as long as the scope. */
async function connect(options: TestAppOptions = {}) {
  const server = await listen(createTestApp(options).app);
  const openai = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "any", maxRetries: 2 });
  return { openai, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

describe("the official openai client", () => {
  it("reads a whole answer, with the request id and the time it took", async () => {
    await using client = await connect();
    const { data, response, request_id } = await client.openai.chat.completions
      .create({ model: MODEL_ID, messages: [...MESSAGES] })
      .withResponse();
    expect(data.choices[0]?.message.content).toBe("Hello there!");
    expect(data.usage?.total_tokens).toBe(16);
    expect(request_id).toMatch(/^req_[0-9a-f]{32}$/);
    expect(response.headers.get("openai-processing-ms")).toMatch(/^\d+$/);
  });

  it("reads a stream and its usage", async () => {
    await using client = await connect();
    const stream = client.openai.chat.completions.stream({
      model: MODEL_ID,
      messages: [...MESSAGES],
      stream_options: { include_usage: true },
    });
    const completion = await stream.finalChatCompletion();
    expect(completion.choices[0]).toMatchObject({ message: { content: "Hello there!" }, finish_reason: "stop" });
    expect(completion.usage?.completion_tokens).toBe(4);
  });

  it("puts streamed calls together, and reads reasoning beside them", async () => {
    const id = `call_${"a".repeat(24)}`;
    await using client = await connect({
      generate: script([
        { type: "started", promptTokens: 9, cachedTokens: 0 },
        { type: "reasoning", choice: 0, text: "Hm." },
        { type: "toolCall", choice: 0, index: 0, id, name: "roll" },
        { type: "toolArguments", choice: 0, index: 0, text: '{"sides"' },
        { type: "toolArguments", choice: 0, index: 0, text: ":6}" },
        { type: "toolCall", choice: 0, index: 1, id, name: "now" },
        { type: "toolArguments", choice: 0, index: 1, text: "{}" },
        { type: "finished", choice: 0, reason: "tool_calls", completionTokens: 9, reasoningTokens: 2 },
      ]),
    });
    const stream = client.openai.chat.completions.stream({
      model: MODEL_ID,
      messages: [...MESSAGES],
      tools: ["roll", "now"].map((name) => ({ type: "function", function: { name } })),
      stream_options: { include_usage: true },
    });
    const completion = await stream.finalChatCompletion();
    expect(completion.choices[0]).toMatchObject({
      finish_reason: "tool_calls",
      message: {
        tool_calls: [
          { id, type: "function", function: { name: "roll", arguments: '{"sides":6}' } },
          { id, type: "function", function: { name: "now", arguments: "{}" } },
        ],
      },
    });
    expect(completion.usage?.completion_tokens_details?.reasoning_tokens).toBe(2);
  });

  it("ends the generation when it aborts in mid-stream", async () => {
    const aborted = Promise.withResolvers<void>();
    await using client = await connect({
      generate: script(async function* (request) {
        request.signal.addEventListener("abort", () => aborted.resolve());
        yield* answerWith(["Hello"]).slice(0, -1);
        await aborted.promise;
      }),
    });
    const stream = await client.openai.chat.completions.create({
      model: MODEL_ID,
      messages: [...MESSAGES],
      stream: true,
    });
    for await (const chunk of stream) {
      if (chunk.choices[0]?.delta.content === "Hello") {
        stream.controller.abort();
      }
    }
    await aborted.promise;
  });

  it("lists models and finds one by an id with a slash", async () => {
    await using client = await connect();
    const { data } = await client.openai.models.list();
    expect(data.map(({ id }) => id)).toEqual([MODEL_ID]);
    expect((await client.openai.models.retrieve("smollm2")).id).toBe(MODEL_ID);
    await expect(client.openai.models.retrieve("owner/repo:Q4_K_M")).rejects.toBeInstanceOf(NotFoundError);
  });

  it("throws its typed errors, with the field and the code", async () => {
    await using client = await connect();
    const wrong = client.openai.chat.completions.create({ model: MODEL_ID, messages: [...MESSAGES], temperature: 3 });
    await expect(wrong).rejects.toBeInstanceOf(BadRequestError);
    await expect(wrong).rejects.toMatchObject({
      status: 400,
      param: "temperature",
      code: "decimal_above_max_value",
      type: "invalid_request_error",
      requestID: expect.stringMatching(/^req_/),
    });
    const unknown = client.openai.chat.completions.create({ model: "gpt-4o", messages: [...MESSAGES] });
    await expect(unknown).rejects.toMatchObject({ status: 404, code: "model_not_found", param: "model" });
  });

  it("throws the error that a stream ends with", async () => {
    await using client = await connect({
      generate: script(async function* () {
        yield* answerWith(["Hello"]).slice(0, -1);
        throw new EngineCrashedError(3);
      }),
    });
    const stream = await client.openai.chat.completions.create({
      model: MODEL_ID,
      messages: [...MESSAGES],
      stream: true,
    });
    const texts: unknown[] = [];
    const reading = (async () => {
      for await (const chunk of stream) {
        texts.push(chunk.choices[0]?.delta.content);
      }
    })();
    await expect(reading).rejects.toMatchObject({ code: "engine_crashed", type: "server_error" });
    expect(texts).toEqual(["", "Hello"]);
  });

  it("does not send a request again that killed the engine", async () => {
    let attempts = 0;
    await using client = await connect({
      generate: script(async function* () {
        attempts += 1;
        yield* [];
        throw new EngineCrashedError(3);
      }),
    });
    const answer = client.openai.chat.completions.create({ model: MODEL_ID, messages: [...MESSAGES] });
    await expect(answer).rejects.toBeInstanceOf(InternalServerError);
    expect(attempts).toBe(1);
  });

  it("tries again after the time that an overloaded server names", async () => {
    let attempts = 0;
    await using client = await connect({
      generate: script(async function* () {
        attempts += 1;
        if (attempts === 1) {
          throw new OverloadedError("1 requests are in hand.", 1);
        }
        yield* answerWith(["Hi"]);
      }),
    });
    const answer = await client.openai.chat.completions.create({ model: MODEL_ID, messages: [...MESSAGES] });
    expect(answer.choices[0]?.message.content).toBe("Hi");
    expect(attempts).toBe(2);
  });
});
