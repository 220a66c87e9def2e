import Anthropic from "@anthropic-ai/sdk";
import { createParser } from "eventsource-parser";
import OpenAI from "openai";
import { EventSource } from "undici";
import { describe, expect, it } from "vitest";
import { createStreamsDoor } from "../../../src/http/streams/door.ts";
import { answerWith, createTestApp, listenAsGateway, MODEL_ID, script } from "../support.ts";
import { begin, numberOf, STREAMED } from "./support.ts";

const LIMITS = { resumeGraceMs: 60_000, resumeKeepMs: 60_000, resumeBytes: 1024 ** 2 };
const messages = [{ role: "user", content: "Hi" }] as const;
const kept = { headers: { "sluice-resume": "1" } };

/** A gateway whose answer goes on from its third event on when it is told to. */
async function serve() {
  const { promise: goOn, resolve: go } = Promise.withResolvers<void>();
  const generate = script(async function* () {
    const [first, second, ...rest] = answerWith(["one", " two", " three"]);
    if (first !== undefined) yield first;
    if (second !== undefined) yield second;
    await goOn;
    yield* rest;
  });
  const streams = createStreamsDoor(LIMITS);
  const server = await listenAsGateway(createTestApp({ generate, streams }).app);
  return {
    ...{ url: server.url, node: server.node, go },
    async [Symbol.asyncDispose]() {
      go();
      await streams.settled();
      streams.close();
      await server[Symbol.asyncDispose]();
    },
  };
}

describe("a stream with ids", () => {
  it("is read by OpenAI's client as one without", async () => {
    await using gateway = await serve();
    gateway.go();
    const openai = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: "any", maxRetries: 0 });
    const chat = openai.chat.completions.stream({ model: MODEL_ID, messages: [...messages] }, kept);
    expect((await chat.finalChatCompletion()).choices[0]?.message.content).toBe("one two three");
    const response = openai.responses.stream({ model: MODEL_ID, input: "Hi" }, kept);
    expect((await response.finalResponse()).output_text).toBe("one two three");
  });

  it("is taken up by OpenAI's client with its own request", async () => {
    await using gateway = await serve();
    const openai = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: "any", maxRetries: 0 });
    const body = { model: MODEL_ID, messages: [...messages], stream: true as const };
    const { data, response } = await openai.chat.completions.create(body, kept).withResponse();
    let text = "";
    let count = 0;
    for await (const chunk of data) {
      text += chunk.choices[0]?.delta.content ?? "";
      count += 1;
      if (text === "one") break;
    }
    gateway.go();
    const headers = { "last-event-id": `${response.headers.get("x-request-id")}:${count}` };
    for await (const chunk of await openai.chat.completions.create(body, { headers })) {
      text += chunk.choices[0]?.delta.content ?? "";
    }
    expect(text).toBe("one two three");
  });

  it("is read by Anthropic's client as one without", async () => {
    await using gateway = await serve();
    gateway.go();
    const anthropic = new Anthropic({ baseURL: gateway.url, apiKey: "any", maxRetries: 0 });
    const stream = anthropic.messages.stream({ model: MODEL_ID, max_tokens: 50, messages: [...messages] }, kept);
    expect(await stream.finalText()).toBe("one two three");
  });

  it("has the ids that a parser of event streams tells", async () => {
    await using gateway = await serve();
    gateway.go();
    const { response, id } = await begin((path, init) => fetch(gateway.url + path, init), STREAMED.chat);
    const ids: (string | undefined)[] = [];
    const parser = createParser({ onEvent: (event) => ids.push(event.id) });
    parser.feed(await response.text());
    expect(ids).toEqual([1, 2, 3, 4, 5, 6].map((number) => `${id}:${number}`));
  });
});

describe("an EventSource", () => {
  it("goes on by itself when its connection breaks, and stops at the end", async () => {
    await using gateway = await serve();
    const { response, id } = await begin((path, init) => fetch(gateway.url + path, init), STREAMED.chat);
    const source = new EventSource(`${gateway.url}/v1/streams/${id}`, { node: { reconnectionTime: 1 } });
    const ids: string[] = [];
    const ended = Promise.withResolvers<void>();
    source.addEventListener("message", (event) => {
      ids.push(event.lastEventId);
      if (ids.length !== 2) return;
      gateway.node.closeAllConnections();
      gateway.go();
    });
    source.addEventListener("error", () => {
      if (source.readyState === EventSource.CLOSED) ended.resolve();
    });
    await ended.promise;
    expect(ids.map((each) => numberOf(`id: ${each}`))).toEqual([1, 2, 3, 4, 5, 6]);
    await response.text().catch(() => {});
  });
});
