import Anthropic from "@anthropic-ai/sdk";
import OpenAI, { APIError, ConflictError, InternalServerError, RateLimitError } from "openai";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { OverloadedError, RateLimitedError, SupersededError } from "../../src/generation/errors.ts";
import { answerWith, createTestApp, listen, MODEL_ID, script } from "./support.ts";
import { createWaitingApp } from "./waiting-support.ts";

const MESSAGES = [{ role: "user", content: "Hi" }] as const;
const CHAT = { model: MODEL_ID, messages: [...MESSAGES] };

beforeEach(() => {
  // The heartbeat's only: sockets and the clients have timers of their own.
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
});

afterEach(() => {
  vi.useRealTimers();
});

/** A queue with a server of its own, and the official clients of it. */
async function connect() {
  const queue = createWaitingApp();
  const server = await listen(queue.app);
  const openai = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "any" });
  const anthropic = new Anthropic({ baseURL: server.url, apiKey: "any" });
  return { queue, openai, anthropic, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

/** An official client of an app that fails with `error` as often as it is asked, and how often that was. */
async function connectFailing(error: Error, failures = Number.POSITIVE_INFINITY) {
  let attempts = 0;
  const { app } = createTestApp({
    generate: script(async function* () {
      attempts += 1;
      if (attempts <= failures) throw error;
      yield* answerWith(["Hi"]);
    }),
  });
  const server = await listen(app);
  const openai = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "any", maxRetries: 2 });
  return { openai, attempts: () => attempts, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

/** Lets the request that waits hear of its wait for two seconds, and nothing for 25 more, then gives it its turn. */
async function waitAndAdmit({ queue }: Awaited<ReturnType<typeof connect>>) {
  await vi.waitUntil(() => queue.seen.length > 0);
  for (const position of [2, 1]) {
    queue.wait(position, 1_000);
    await vi.advanceTimersByTimeAsync(1_000);
  }
  // Events that say nothing come meanwhile.
  await vi.advanceTimersByTimeAsync(25_000);
  queue.admit(2_000, 2);
}

describe("the official clients", () => {
  it("pass over the comments of a chat completion that waits, and see its headers", async () => {
    await using client = await connect();
    const asked = client.openai.chat.completions.create({ ...CHAT, stream: true }).withResponse();
    const admitted = waitAndAdmit(client);
    const { data, response } = await asked;
    expect(response.headers.get("sluice-queue-ms")).toMatch(/^\d+$/);
    expect(response.headers.get("sluice-queue-position")).toBe("2");
    const texts: unknown[] = [];
    for await (const chunk of data) texts.push(chunk.choices[0]?.delta.content);
    // What says nothing has no text.
    expect(texts.filter((text) => text !== undefined)).toEqual(["", "Hello"]);
    await admitted;
  });

  it("pass over those of a completion", async () => {
    await using client = await connect();
    const asked = client.openai.completions.create({ model: MODEL_ID, prompt: "Hi", stream: true });
    const admitted = waitAndAdmit(client);
    const texts: string[] = [];
    for await (const chunk of await asked) texts.push(chunk.choices[0]?.text ?? "");
    expect(texts.join("")).toBe("Hello");
    await admitted;
  });

  it("pass over those of a response", async () => {
    await using client = await connect();
    const stream = client.openai.responses.stream({ model: MODEL_ID, input: "Hi" });
    const admitted = waitAndAdmit(client);
    expect((await stream.finalResponse()).output_text).toBe("Hello");
    await admitted;
  });

  it("pass over those of a message", async () => {
    await using client = await connect();
    const stream = client.anthropic.messages.stream({ model: MODEL_ID, max_tokens: 9, messages: [...MESSAGES] });
    const admitted = waitAndAdmit(client);
    expect(await stream.finalText()).toBe("Hello");
    await admitted;
  });

  it("throw the error of a stream that is refused after it began to wait", async () => {
    await using client = await connect();
    const asked = client.openai.chat.completions.create({ ...CHAT, stream: true });
    await vi.waitUntil(() => client.queue.seen.length > 0);
    client.queue.wait(2, 1_000);
    await vi.advanceTimersByTimeAsync(1_000);
    const stream = await asked;
    client.queue.refuse(new OverloadedError("It would take too long.", 5_000));
    const reading = (async () => {
      for await (const _ of stream);
    })();
    await expect(reading).rejects.toBeInstanceOf(APIError);
    await expect(reading).rejects.toMatchObject({ code: "server_overloaded" });
  });

  it("send their timeout with whole answers and streams, and it is the request's deadline", async () => {
    for (const stream of [false, true]) {
      await using client = await connect();
      const asked = client.openai.chat.completions.create({ ...CHAT, stream }, { timeout: 7_900 });
      await vi.waitUntil(() => client.queue.seen.length > 0);
      client.queue.admit(0, 0);
      await asked;
      expect(client.queue.seen[0]?.terms?.maxWaitMs).toBe(7_000);
    }
    await using client = await connect();
    const asked = client.anthropic.messages.create({ model: MODEL_ID, max_tokens: 9, messages: [...MESSAGES] });
    await vi.waitUntil(() => client.queue.seen.length > 0);
    client.queue.admit(0, 0);
    await asked;
    expect(client.queue.seen[0]?.terms?.maxWaitMs).toBe(600_000);
  });

  it("throw a typed error for a superseded request, and don't retry", async () => {
    await using client = await connectFailing(new SupersededError());
    const asked = client.openai.chat.completions.create(CHAT, { headers: { "sluice-supersede": "editor-1" } });
    await expect(asked).rejects.toBeInstanceOf(ConflictError);
    await expect(asked).rejects.toMatchObject({ status: 409, code: "superseded" });
    expect(client.attempts()).toBe(1);
  });

  it.each([
    ["a key's", new RateLimitedError("60 of 60 requests a minute are used.", 1), RateLimitError],
    ["the server's", new OverloadedError("9 requests are in hand.", 1), InternalServerError],
  ])("retry %s limits at the given time, and finally throw a typed error", async (_, error, type) => {
    await using patient = await connectFailing(error, 2);
    const answer = await patient.openai.chat.completions.create(CHAT);
    expect(answer.choices[0]?.message.content).toBe("Hi");
    expect(patient.attempts()).toBe(3);
    await using hopeless = await connectFailing(error);
    await expect(hopeless.openai.chat.completions.create(CHAT)).rejects.toBeInstanceOf(type);
    expect(hopeless.attempts()).toBe(3);
  });
});
