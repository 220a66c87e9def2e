import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { pino } from "pino";
import { afterEach, describe, expect, it } from "vitest";
import { configSchema } from "../../src/config/schema.ts";
import { createGateway } from "../../src/gateway/gateway.ts";
import type { Backend } from "../../src/generation/backend.ts";
import type { GenerationEvent } from "../../src/generation/event.ts";
import { answerWith as answerMock, begin, chunk, json, mockUpstream, send } from "../fixtures/mock-upstream.ts";
import { servedModel } from "../fixtures/served-model.ts";
import { createTestApp, listen } from "../http/support.ts";

const ends: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

type Group = { readonly name?: string; readonly baseUrl: string } & Readonly<Record<string, unknown>>;

/** A whole gateway that has upstreams only. */
async function start(groups: readonly Group[], settings: object = {}) {
  const upstreams = groups.map((group) => ({ name: "there", ...group }));
  const config = configSchema.parse({ model: [], stateFile: ":memory:", listPresets: false, upstreams, ...settings });
  const lines: string[] = [];
  const logger = pino({ level: "trace" }, { write: (line: string) => void lines.push(line) });
  const gateway = await createGateway({ config, models: [], logger });
  ends.push(gateway.stop);
  await gateway.start();
  const server = await listen(gateway.app);
  ends.push(() => server[Symbol.asyncDispose]());
  const { url } = server;
  return {
    ...{ gateway, url, lines },
    openai: new OpenAI({ baseURL: `${url}/v1`, apiKey: "client-secret", maxRetries: 0 }),
    anthropic: new Anthropic({ baseURL: url, apiKey: "client-secret", maxRetries: 0 }),
  };
}

async function startMock(behave?: Parameters<typeof mockUpstream>[0]) {
  const mock = await mockUpstream(behave);
  ends.push(mock.close);
  return mock;
}

const EVENTS: readonly GenerationEvent[] = [
  { type: "started", promptTokens: 9, cachedTokens: 3 },
  { type: "reasoning", choice: 0, text: "Hm." },
  { type: "text", choice: 0, text: "Look " },
  { type: "text", choice: 0, text: "up." },
  { type: "toolCall", choice: 0, index: 0, id: "call_abcdefabcdefabcdefabcdef", name: "look" },
  { type: "toolArguments", choice: 0, index: 0, text: '{"at":' },
  { type: "toolArguments", choice: 0, index: 0, text: '"sky"}' },
  { type: "finished", choice: 0, reason: "tool_calls", completionTokens: 11, reasoningTokens: 2 },
];

/** Another Sluice, whose model says `events`. */
async function startSluice(events = EVENTS, overrides: Partial<Backend> = {}) {
  const seen: unknown[] = [];
  const model = servedModel({
    id: "one",
    async *generate(request) {
      seen.push(request);
      yield* events;
    },
    ...overrides,
  });
  const { app } = createTestApp({ models: [model] });
  const server = await listen(app);
  ends.push(() => server[Symbol.asyncDispose]());
  return { url: server.url, seen };
}

const MESSAGES = [{ role: "user", content: "Hi" }] as const;
const PARAMETERS = { type: "object" as const, properties: { at: { type: "string" } } };
const TOOLS = [{ type: "function" as const, function: { name: "look", parameters: PARAMETERS } }];

/** Gateways that are each the upstream of the one before, and the first one of the last. */
async function startRing(count: number, group: object) {
  const apps: { fetch: (request: Request) => Response | Promise<Response> }[] = [];
  const requests = Array.from({ length: count }, () => 0);
  const servers = await Promise.all(
    requests.map((_, index) =>
      listen({
        fetch(request) {
          if (request.method === "POST") requests[index] = (requests[index] ?? 0) + 1;
          return apps[index]?.fetch(request) ?? new Response(null, { status: 404 });
        },
      }),
    ),
  );
  for (const server of servers) ends.push(() => server[Symbol.asyncDispose]());
  const gateways = [];
  for (const index of servers.keys()) {
    const next = servers[(index + 1) % count]?.url ?? "";
    const gateway = await start([{ kind: "sluice", baseUrl: next, ...group }]);
    apps[index] = gateway.gateway.app;
    gateways.push(gateway);
  }
  return { gateways, requests, urls: servers.map(({ url }) => url) };
}

describe("gateways that are upstreams of each other", () => {
  it.each([1, 2, 3])("refuse a request that comes back (%i in a ring), and ask nobody again", async (count) => {
    const ring = await startRing(count, { models: ["one"] });
    const [url] = ring.urls;
    for (const [path, body] of [
      ["chat/completions", { messages: MESSAGES }],
      ["completions", { prompt: "Hi" }],
      ["embeddings", { input: "Hi" }],
      ["messages", { messages: MESSAGES, max_tokens: 5 }],
      ["responses", { input: "Hi", store: false }],
    ] as const) {
      ring.requests.fill(0);
      const answer = await fetch(`${url}/v1/${path}`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ model: "one", ...body }),
      });
      expect([path, answer.status, await answer.text()]).toEqual([path, 400, expect.stringContaining("came back")]);
      expect(ring.requests).toEqual([2, ...Array.from({ length: count - 1 }, () => 1)]);
    }
  });

  it("don't list their own models as an upstream's", async () => {
    const ring = await startRing(1, { refreshMs: 1_000 });
    const answer = await fetch(`${ring.urls[0]}/v1/models`, { headers: { "sluice-via": "another, and: nonsense" } });
    expect(await answer.json()).toMatchObject({ data: [] });
    expect(ring.gateways[0]?.lines.join("")).toContain("can't be listed yet");
  });
});

describe("an upstream that is down since the start", () => {
  const ask = (url: string, model: string) =>
    fetch(`${url}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ model, messages: MESSAGES }),
    });
  const startWithout = async () => {
    const routes = [{ name: "chat", targets: [{ model: "THERE/one" }, { model: "gone" }] }];
    return await start([{ baseUrl: "http://127.0.0.1:1" }], { routes, aliases: ["mine=there/one"] });
  };

  it("makes a request for one of its models a 503 that says so, by any name of it", async () => {
    const { url } = await startWithout();
    for (const name of ["there/one", "There/One", "mine", "chat"]) {
      const answer = await ask(url, name);
      expect([name, answer.status]).toEqual([name, 503]);
      expect(answer.headers.get("retry-after")).toBe("5");
      expect(await answer.text()).toContain("The upstream 'there' could not be reached yet");
    }
  });

  it("is named in the header of a route that has it as a target", async () => {
    const { url } = await startWithout();
    const answer = await ask(url, "chat");
    expect(answer.headers.get("sluice-route")).toBe('"THERE/one";excluded=not_served, "gone";excluded=not_served');
  });

  it("leaves other unknown models unknown", async () => {
    const { url } = await startWithout();
    expect((await ask(url, "elsewhere/one")).status).toBe(404);
  });
});

describe("another Sluice as an upstream", () => {
  it("is asked through the official OpenAI client, whole and streamed, with tools", async () => {
    const there = await startSluice();
    const { openai } = await start([{ kind: "sluice", baseUrl: there.url }]);
    const asked = { model: "there/one", messages: [...MESSAGES], tools: TOOLS };
    const whole = await openai.chat.completions.create(asked);
    const streamed = await openai.chat.completions
      .stream({ ...asked, stream_options: { include_usage: true } })
      .finalChatCompletion();
    for (const { choices, usage, model } of [whole, streamed]) {
      expect(model).toBe("there/one");
      expect(choices[0]).toMatchObject({
        finish_reason: "tool_calls",
        message: { content: "Look up.", tool_calls: [{ function: { name: "look", arguments: '{"at":"sky"}' } }] },
      });
      expect(usage).toMatchObject({
        ...{ prompt_tokens: 9, completion_tokens: 11 },
        prompt_tokens_details: { cached_tokens: 3 },
        completion_tokens_details: { reasoning_tokens: 2 },
      });
    }
    expect(there.seen).toMatchObject([{ tools: { tools: [{ name: "look" }] } }, {}]);
  });

  it("is asked through the official Anthropic client", async () => {
    const there = await startSluice();
    const { anthropic } = await start([{ kind: "sluice", baseUrl: there.url }]);
    const message = await anthropic.messages
      .stream({
        ...{ model: "there/one", max_tokens: 50, messages: [...MESSAGES] },
        tools: [{ name: "look", input_schema: PARAMETERS }],
        thinking: { type: "enabled", budget_tokens: 1024 },
      })
      .finalMessage();
    expect(message.content).toMatchObject([
      { type: "thinking", thinking: "Hm." },
      { type: "text", text: "Look up." },
      { type: "tool_use", name: "look", input: { at: "sky" } },
    ]);
    expect(message.stop_reason).toBe("tool_use");
    expect(message.usage.output_tokens).toBe(11);
  });

  it("holds its answer to the client's schema", async () => {
    const there = await startSluice([
      { type: "started" },
      { type: "text", choice: 0, text: '{"a":1}' },
      { type: "finished", choice: 0, reason: "stop" },
    ]);
    const { openai } = await start([{ kind: "sluice", baseUrl: there.url }]);
    const schema = {
      type: "object",
      properties: { a: { type: "integer" } },
      required: ["a"],
      additionalProperties: false,
    };
    await openai.chat.completions.create({
      ...{ model: "there/one", messages: [...MESSAGES], temperature: 0.3, seed: 7 },
      response_format: { type: "json_schema", json_schema: { name: "thing", schema, strict: true } },
    });
    expect(there.seen).toMatchObject([
      { output: { type: "schema", schema, strict: true }, said: { sampling: { temperature: 0.3, seed: 7 } } },
    ]);
  });

  it("makes embeddings", async () => {
    const there = await startSluice(EVENTS, {
      embed: async ({ items }) => ({ vectors: items.map(() => Float32Array.of(3, 4)), tokens: 5 }),
    });
    const { openai } = await start([{ kind: "sluice", baseUrl: there.url }]);
    const { data, usage } = await openai.embeddings.create({ model: "there/one", input: ["a", "b"] });
    expect(data.map(({ embedding }) => embedding.map((value) => Number(value.toFixed(3))))).toEqual([
      [0.6, 0.8],
      [0.6, 0.8],
    ]);
    expect(usage.prompt_tokens).toBe(5);
  });
});

describe("an upstream that speaks another protocol than the client", () => {
  it("answers an OpenAI client in Anthropic's form, and keeps the gateway's key", async () => {
    const mock = await startMock((response, { method }) => {
      if (method === "GET") return json(response, 200, { data: [{ id: "claude", type: "model" }], has_more: false });
      begin(response);
      for (const event of [
        { type: "message_start", message: { usage: { input_tokens: 4, output_tokens: 0 } } },
        { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } },
        { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "Good day" } },
        { type: "message_delta", delta: { stop_reason: "max_tokens" }, usage: { output_tokens: 2 } },
        { type: "message_stop" },
      ])
        send(response, event);
      response.end();
    });
    process.env.UPSTREAM_TEST_KEY = "key-of-the-gateway";
    const { openai, lines } = await start([{ kind: "anthropic", baseUrl: mock.url, apiKeyEnv: "UPSTREAM_TEST_KEY" }]);
    delete process.env.UPSTREAM_TEST_KEY;
    const { choices, usage } = await openai.chat.completions.create({ model: "there/claude", messages: [...MESSAGES] });
    expect(choices[0]).toMatchObject({ message: { content: "Good day" }, finish_reason: "length" });
    expect(usage).toMatchObject({ prompt_tokens: 4, completion_tokens: 2 });
    const [heard] = mock.posts();
    expect(heard).toMatchObject({ path: "/v1/messages", headers: { "x-api-key": "key-of-the-gateway" } });
    expect(heard?.headers["anthropic-version"]).toMatch(/^\d{4}-\d\d-\d\d$/);
    expect(JSON.stringify(heard)).not.toContain("client-secret");
    expect(lines.join("")).not.toContain("key-of-the-gateway");
  });

  it("answers an Anthropic client in Ollama's form", async () => {
    const mock = await startMock((response, { method }) => {
      if (method === "GET")
        return json(response, 200, { models: [{ name: "qwen3:4b", details: { family: "qwen3" } }] });
      begin(response, "application/x-ndjson");
      response.write(`${JSON.stringify({ message: { content: "Good " }, done: false })}\n`);
      response.end(
        JSON.stringify({
          message: { content: "day" },
          done: true,
          done_reason: "stop",
          prompt_eval_count: 3,
          eval_count: 2,
        }),
      );
    });
    const { anthropic, url } = await start([{ kind: "ollama", baseUrl: mock.url }]);
    const message = await anthropic.messages.create({
      ...{ model: "there/qwen3:4b", max_tokens: 10, messages: [...MESSAGES] },
    });
    expect(message).toMatchObject({
      ...{ content: [{ type: "text", text: "Good day" }], stop_reason: "end_turn" },
      usage: { input_tokens: 3, output_tokens: 2 },
    });
    expect(mock.posts()[0]).toMatchObject({ path: "/api/chat", body: { options: { num_predict: 10 } } });
    const tags = await (await fetch(`${url}/api/tags`)).json();
    expect(tags).toMatchObject({ models: [{ name: "there/qwen3:4b", details: { family: "qwen3", format: "" } }] });
  });
});

describe("the models of upstreams", () => {
  it("are listed by the upstream's name and theirs, and found by theirs alone", async () => {
    const mock = await startMock();
    const { url, openai } = await start([{ name: "Up", baseUrl: mock.url }]);
    const { data } = await openai.models.list();
    expect(data).toMatchObject([{ id: "Up/one", owned_by: "Up" }]);
    const answer = await openai.chat.completions.create({ model: "one", messages: [...MESSAGES] });
    expect(answer.model).toBe("Up/one");
    expect(await (await fetch(`${url}/ready`)).json()).toEqual({
      status: "ready",
      models: [{ id: "Up/one", state: "ready" }],
    });
    expect(await (await fetch(`${url}/api/ps`)).json()).toMatchObject({ models: [{ name: "Up/one:latest" }] });
  });

  it("may have names of their own", async () => {
    const mock = await startMock();
    const { openai } = await start([{ baseUrl: mock.url, models: { large: "vendor/huge" } }]);
    const { model } = await openai.chat.completions.create({ model: "large", messages: [...MESSAGES] });
    expect(model).toBe("large");
    expect(mock.posts()[0]?.body).toMatchObject({ model: "vendor/huge" });
  });

  it("come and go with the upstream's list", async () => {
    let ids = ["a"];
    const mock = await startMock((response) => json(response, 200, { data: ids.map((id) => ({ id })) }));
    const { openai } = await start([{ baseUrl: mock.url, refreshMs: 1_000 }]);
    const names = async () => (await openai.models.list()).data.map(({ id }) => id);
    expect(await names()).toEqual(["there/a"]);
    ids = ["b", "c"];
    await expect.poll(names, { timeout: 5_000 }).toEqual(["there/b", "there/c"]);
  });

  it("are not ready while the upstream is down, and the gateway starts all the same", async () => {
    const mock = await startMock();
    await mock.close();
    const { url, openai } = await start([{ baseUrl: mock.url, models: ["one"] }]);
    expect((await fetch(`${url}/ready`)).status).toBe(503);
    await expect(openai.chat.completions.create({ model: "one", messages: [...MESSAGES] })).rejects.toMatchObject({
      status: 503,
    });
  });

  it("come when the upstream does, after the gateway's start", async () => {
    let isUp = false;
    const mock = await startMock((response, heard) => {
      if (isUp) void answerMock(["Hello"])(response, heard);
      else response.destroy();
    });
    const { openai, url } = await start([{ baseUrl: mock.url, refreshMs: 1_000 }]);
    expect((await openai.models.list()).data).toEqual([]);
    isUp = true;
    const ready = async () => (await fetch(`${url}/ready`)).json();
    await expect
      .poll(ready, { timeout: 8_000 })
      .toEqual({ status: "ready", models: [{ id: "there/one", state: "ready" }] });
    const answer = await openai.chat.completions.create({ model: "one", messages: [...MESSAGES] });
    expect(answer.choices[0]?.message.content).toBe("Hello");
  }, 15_000);

  it("are not cached unless the settings say so", async () => {
    const mock = await startMock();
    const { openai } = await start([
      { name: "a", baseUrl: mock.url },
      { name: "b", baseUrl: mock.url, cache: true },
    ]);
    const ask = (model: string) => openai.chat.completions.create({ model, messages: [...MESSAGES], temperature: 0 });
    await ask("a/one");
    await ask("a/one");
    expect(mock.posts()).toHaveLength(2);
    await ask("b/one");
    await ask("b/one");
    expect(mock.posts()).toHaveLength(3);
  });
});

describe("what must stay on this machine", () => {
  it("does not leave, by any endpoint, when the header says so", async () => {
    const mock = await startMock();
    const { url } = await start([{ baseUrl: mock.url }]);
    const headers = { "content-type": "application/json", "sluice-local-only": "1" };
    const messages = [...MESSAGES];
    for (const [path, body] of [
      ["/v1/chat/completions", { messages }],
      ["/v1/chat/completions", { messages, stream: true }],
      ["/v1/completions", { prompt: "Hi" }],
      ["/v1/completions", { prompt: ["a", "b"] }],
      ["/v1/responses", { input: "Hi" }],
      ["/v1/messages", { messages, max_tokens: 5 }],
      ["/v1/embeddings", { input: "Hi" }],
      ["/api/chat", { messages }],
      ["/api/generate", { prompt: "Hi" }],
      ["/api/embed", { input: "Hi" }],
      ["/completion", { prompt: "Hi" }],
      ["/tokenize", { content: "Hi" }],
      ["/v1/messages/count_tokens", { messages }],
      ["/v1/rerank", { query: "a", documents: ["b"] }],
    ] as const) {
      const answer = await fetch(`${url}${path}`, {
        ...{ method: "POST", headers },
        body: JSON.stringify({ model: "there/one", ...body }),
      });
      expect([path, answer.status]).toEqual([path, expect.toSatisfy((status) => status === 403 || status === 400)]);
      await answer.text();
    }
    expect(mock.posts()).toEqual([]);
  });

  it("includes a background response", async () => {
    const mock = await startMock();
    const { openai } = await start([{ baseUrl: mock.url }]);
    const asked = openai.responses.create(
      { model: "there/one", input: "Hi", background: true },
      { headers: { "sluice-local-only": "1" } },
    );
    await expect(asked).rejects.toMatchObject({ status: 403, code: "local_only" });
    expect(mock.posts()).toEqual([]);
  });

  it("is everything that no client has asked for: the warm-up asks nothing", async () => {
    const mock = await startMock();
    const { lines } = await start([{ baseUrl: mock.url }], { warmPresets: true });
    await expect.poll(() => lines.join("")).toContain("the presets are warm");
    expect(mock.posts()).toEqual([]);
  });

  it("is refused with a wrong header, which the answer names", async () => {
    const mock = await startMock();
    const { openai } = await start([{ baseUrl: mock.url }]);
    const asked = openai.chat.completions.create(
      { model: "there/one", messages: [...MESSAGES] },
      { headers: { "sluice-local-only": "yes" } },
    );
    await expect(asked).rejects.toMatchObject({ status: 400, param: "sluice-local-only" });
  });
});

describe("a client that leaves", () => {
  it("ends the upstream's request", async () => {
    const mock = await startMock((response, { method }) => {
      if (method === "GET") return json(response, 200, { data: [{ id: "one" }] });
      begin(response);
      send(response, chunk({ delta: { content: "Hel" } }));
    });
    const { openai } = await start([{ baseUrl: mock.url }]);
    const stream = await openai.chat.completions.create({
      ...{ model: "there/one", messages: [...MESSAGES], stream: true },
    });
    for await (const _ of stream) break;
    await mock.posts()[0]?.left;
    expect(mock.posts()).toHaveLength(1);
  });
});

describe("the session of a request", () => {
  it("is told to the upstream by its own name, the same for a conversation and another for each tenant", async () => {
    const mock = await startMock();
    const { openai } = await start([{ kind: "vllm", baseUrl: mock.url }]);
    const ask = (content: string, headers: Record<string, string> = {}, more: object = {}) =>
      openai.chat.completions.create(
        { model: "there/one", messages: [{ role: "user", content }], ...more },
        { headers },
      );
    await ask("first", { "x-claude-code-session-id": "s1" });
    await ask("second", { "x-claude-code-session-id": "s1" });
    await ask("third", {}, { prompt_cache_key: "k" });
    await ask("same");
    await ask("same");
    const sent = mock.posts().map(({ headers }) => headers["x-session-id"]);
    expect(sent[0]).toBe(sent[1]);
    expect(sent[3]).toBe(sent[4]);
    expect(new Set(sent).size).toBe(3);
    expect(JSON.stringify(mock.posts())).not.toContain("s1");
  });
});
