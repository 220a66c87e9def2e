import { once } from "node:events";
import { request } from "node:http";
import { connect as connectTcp } from "node:net";
import fc from "fast-check";
import { OpenAI } from "openai";
import { ResponsesWS } from "openai/resources/responses/ws";
import { describe, expect, it, onTestFinished } from "vitest";
import { WebSocket as Client, type ClientOptions } from "ws";
import type { GenerationRequest } from "../../src/generation/request.ts";
import { type ListenOptions, listen } from "../../src/http/server.ts";
import { createMemories } from "../../src/http/websocket/memory.ts";
import type { Access } from "../../src/keys/access.ts";
import { createCounters } from "../../src/keys/counters.ts";
import { createFixedKeys } from "../../src/keys/fixed.ts";
import { createMeter } from "../../src/keys/meter.ts";
import { createKeyRing } from "../../src/keys/ring.ts";
import { createUsageBook } from "../../src/keys/usage.ts";
import { silent } from "../keys/support.ts";
import { openState, outcome } from "../store/support.ts";
import { answerWith, createTestApp, jsonInit, loopTurn, MODEL_ID, script } from "./support.ts";

type Message = Readonly<Record<string, unknown>> & { readonly type: string };

const LIMITS = {
  headerTimeoutMs: 60_000,
  bodyTimeoutMs: 60_000,
  minBodyRate: 1,
  keepAliveMs: 60_000,
  readTimeoutMs: 60_000,
  maxConnections: 1_000,
};

/** Serves a test's app, over which WebSockets are opened. */
async function serveSockets(options: Parameters<typeof createTestApp>[0] = {}, limits: Partial<ListenOptions> = {}) {
  const { app, log } = createTestApp(options);
  const { url, drain, end, server } = await listen(app, { ...LIMITS, ...limits, host: "127.0.0.1", port: 0 });
  onTestFinished(async () => {
    end();
    await new Promise((closed) => server.close(closed));
  });
  return { app, log, url, drain, end, server };
}

/** A client whose messages are read one by one, in the order in which they came. */
async function connect(url: string, options: ClientOptions = {}) {
  const ws = new Client(`${url.replace("http", "ws")}/v1/responses`, options);
  const came: Message[] = [];
  const waiting: ((message: Message) => void)[] = [];
  ws.on("message", (data) => {
    const message = JSON.parse(String(data));
    const next = waiting.shift();
    if (next === undefined) came.push(message);
    else next(message);
  });
  ws.on("error", () => {});
  onTestFinished(() => ws.terminate());
  await once(ws, "open");

  function read(): Promise<Message> {
    const next = came.shift();
    return next === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(next);
  }

  return {
    ws,
    read,
    send: (message: unknown) => ws.send(typeof message === "string" ? message : JSON.stringify(message)),
    /** All messages up to and with the last of a response, or an error. */
    async readAnswer(): Promise<readonly Message[]> {
      const messages: Message[] = [];
      for (;;) {
        const message = await read();
        messages.push(message);
        if (/^(error|response\.(completed|incomplete|failed))$/.test(message.type)) return messages;
      }
    },
  };
}

function create(body: Readonly<Record<string, unknown>> = {}) {
  return { type: "response.create", model: MODEL_ID, store: false, input: "Hi", ...body };
}

const lastOf = (messages: readonly Message[]) => messages.at(-1);
const textOf = (messages: readonly Message[]) =>
  messages.map(({ type, delta }) => (type === "response.output_text.delta" ? delta : "")).join("");
const idOf = (messages: readonly Message[]): string => Object(lastOf(messages)?.response).id;
const saidTo = (seen: GenerationRequest | undefined) =>
  seen?.prompt.type === "chat" ? seen.prompt.messages.map(({ role, content }) => `${role}: ${content}`) : [];

/** An engine that says what number its request is, and remembers the requests. */
function countingEngine() {
  const seen: GenerationRequest[] = [];
  const generate = script(async function* (generation) {
    seen.push(generation);
    yield* answerWith([`answer ${seen.length}`]);
  });
  return { seen, generate };
}

/** An engine that begins an answer and goes on when it is told to, or stops when nobody wants it. */
function createHeldEngine() {
  const begun = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  const aborted = Promise.withResolvers<void>();
  const generate = script(async function* ({ signal }) {
    const [started, ...rest] = answerWith(["late"]);
    if (started !== undefined) yield started;
    begun.resolve();
    signal.addEventListener("abort", () => aborted.resolve());
    await Promise.race([released.promise, aborted.promise]);
    yield* rest;
  });
  return { generate, begun: begun.promise, release: released.resolve, aborted: aborted.promise };
}

describe("the WebSocket mode of /v1/responses", () => {
  it("answers with the events that a stream over HTTP has, one in each message", async () => {
    const { app, url } = await serveSockets();
    const client = await connect(url);
    client.send(create());
    const types = (await client.readAnswer()).map(({ type }) => type);
    const streamed = await app.request(
      "/v1/responses",
      jsonInit({ model: MODEL_ID, input: "Hi", stream: true, store: false }),
    );
    expect(types).toEqual([...(await streamed.text()).matchAll(/^event: (\S+)$/gm)].map(([, type]) => type));
  });

  it("continues a response of the same connection that is not stored", async () => {
    const { generate, seen } = countingEngine();
    const { url } = await serveSockets({ generate });
    const client = await connect(url);
    client.send(create());
    const first = idOf(await client.readAnswer());
    client.send(create({ input: "And?", previous_response_id: first }));
    const second = await client.readAnswer();
    expect(lastOf(second)).toMatchObject({ response: { previous_response_id: first, store: false } });
    client.send(create({ input: "So?", previous_response_id: idOf(second) }));
    await client.readAnswer();
    expect(saidTo(seen[2])).toEqual([
      "user: Hi",
      "assistant: answer 1",
      "user: And?",
      "assistant: answer 2",
      "user: So?",
    ]);
  });

  it("hides unstored responses from other connections", async () => {
    const { app, url } = await serveSockets();
    const client = await connect(url);
    client.send(create());
    const id = idOf(await client.readAnswer());
    const other = await connect(url);
    other.send(create({ previous_response_id: id }));
    expect(await other.read()).toMatchObject({
      type: "error",
      status: 400,
      error: { code: "previous_response_not_found", param: "previous_response_id", type: "invalid_request_error" },
    });
    expect((await app.request(`/v1/responses/${id}`)).status).toBe(404);
  });

  it("clears the memory of the connection that is idle longest when all together remember too much", async () => {
    const settings = { maxRememberedBytes: 24_000 };
    const { url } = await serveSockets({ settings });
    const [idle, busy, new_] = [await connect(url), await connect(url), await connect(url)];
    const ask = async (client: typeof idle, previous_response_id?: string) => {
      client.send(create({ input: "x".repeat(6_000), previous_response_id }));
      const answer = await client.readAnswer();
      return { id: idOf(answer), last: lastOf(answer) };
    };
    const forgotten = await ask(idle);
    const kept = await ask(busy);
    // Whoever goes on is idle no longer.
    const gone = await ask(busy, kept.id);
    const newest = await ask(new_);
    expect((await ask(idle, forgotten.id)).last).toMatchObject({
      type: "error",
      status: 400,
      error: { code: "previous_response_not_found", param: "previous_response_id" },
    });
    expect((await ask(new_, newest.id)).last).toMatchObject({ type: "response.completed" });
    expect(gone.last).toMatchObject({ type: "response.completed" });
  });

  it("stores a response that continues an unstored one", async () => {
    const { generate, seen } = countingEngine();
    const { app, url } = await serveSockets({ generate });
    const client = await connect(url);
    client.send(create());
    const first = idOf(await client.readAnswer());
    client.send(create({ input: "And?", store: true, previous_response_id: first }));
    const stored = idOf(await client.readAnswer());
    client.ws.close();
    await app.request("/v1/responses", jsonInit({ model: MODEL_ID, input: "So?", previous_response_id: stored }));
    expect(saidTo(seen[2])).toHaveLength(5);
  });

  it("accepts a warm-up, which has no output and can be continued", async () => {
    const { generate, seen } = countingEngine();
    const { url } = await serveSockets({ generate });
    const client = await connect(url);
    client.send(create({ generate: false, input: [] }));
    const warm = await client.readAnswer();
    expect(lastOf(warm)).toMatchObject({ type: "response.completed", response: { output: [] } });
    expect(seen).toHaveLength(0);
    client.send(create({ previous_response_id: idOf(warm) }));
    expect(textOf(await client.readAnswer())).toBe("answer 1");
  });

  it("answers the requests of one connection one after the other", async () => {
    const { generate } = countingEngine();
    const { url } = await serveSockets({ generate });
    const client = await connect(url);
    client.send(create());
    client.send(create());
    client.send("{}}");
    client.send(create());
    const texts = [];
    for (let count = 0; count < 4; count += 1) texts.push(await client.readAnswer());
    expect(texts.map(textOf).filter((text) => text !== "")).toEqual(["answer 1", "answer 2", "answer 3"]);
  });

  it("answers those of several streams at the same time, each under its name", async () => {
    const held = createHeldEngine();
    let isFirst = true;
    const { url } = await serveSockets({
      generate: script((generation) => {
        const events = isFirst ? held.generate(generation) : script(answerWith(["quick"]))(generation);
        isFirst = false;
        return events;
      }),
    });
    const client = await connect(url);
    client.send(create({ stream_id: "slow" }));
    await held.begun;
    client.send(create({ stream_id: "fast" }));
    const messages: Message[] = [];
    while (lastOf(messages)?.type !== "response.completed") messages.push(await client.read());
    expect(lastOf(messages)).toMatchObject({ stream_id: "fast" });
    held.release();
    expect(lastOf(await client.readAnswer())).toMatchObject({ type: "response.completed", stream_id: "slow" });
  });

  it("sends an error like HTTP, with its status, and continues", async () => {
    const { url } = await serveSockets();
    const client = await connect(url);
    client.send(create({ temperature: 3, stream_id: "a" }));
    expect(await client.read()).toMatchObject({
      type: "error",
      stream_id: "a",
      status: 400,
      error: { type: "invalid_request_error", param: "temperature" },
      headers: { "x-request-id": expect.stringMatching(/^req_/) },
    });
    client.send(create());
    expect(textOf(await client.readAnswer())).toBe("Hello there!");
  });

  it("names the stream of a message that it refuses for its type", async () => {
    const { url } = await serveSockets();
    const client = await connect(url);
    client.send({ type: "response.cancel", stream_id: "a" });
    expect(await client.read()).toMatchObject({
      type: "error",
      stream_id: "a",
      error: { code: "unknown_message_type" },
    });
  });

  it.each(["session.update", "conversation.item.create", "input_audio_buffer.append"])(
    "reports for %s that this is not the Realtime API",
    async (type) => {
      const { url } = await serveSockets();
      const client = await connect(url);
      client.send({ type });
      expect(await client.read()).toMatchObject({
        error: { code: "unknown_message_type", message: expect.stringContaining("not the Realtime API") },
      });
    },
  );

  it("names the valid ids of streams", async () => {
    const { url } = await serveSockets();
    const client = await connect(url);
    for (const stream_id of ["", "x".repeat(257), 5]) {
      client.send(create({ stream_id }));
      expect(await client.read()).toMatchObject({
        error: { message: "Invalid value for 'stream_id': expected a string of 1 to 256 characters." },
      });
    }
  });

  it("names the stream of a message that is wrong otherwise", async () => {
    const { url } = await serveSockets();
    const client = await connect(url);
    client.send({ type: 5, stream_id: "a" });
    expect(await client.read()).toMatchObject({ type: "error", stream_id: "a", error: { param: "type" } });
  });

  it("names the stream of a message that is refused since too many wait, unless the message is long", async () => {
    const { url } = await serveSockets({ generate: createHeldEngine().generate });
    const client = await connect(url);
    for (let count = 0; count < 64; count += 1) client.send(create({ stream_id: "first" }));
    client.send(create({ stream_id: "second" }));
    client.send({ ...create({ input: "x".repeat(70_000) }), stream_id: "third" });
    client.send('{"stream_id":');
    const refused: Message[] = [];
    while (refused.length < 3) {
      const message = await client.read();
      if (message.type === "error") refused.push(message);
    }
    expect(refused).toMatchObject(refused.map(() => ({ status: 429, error: { code: "too_many_messages" } })));
    expect(refused.map(({ stream_id }) => stream_id)).toEqual(["second", undefined, undefined]);
  });

  it.each([
    ["no JSON", "hello", null, null],
    ["an array", [], null, "invalid_value"],
    ["another type", { type: "response.cancel" }, "type", "unknown_message_type"],
    ["a stream without a name", create({ stream_id: "" }), "stream_id", "invalid_value"],
    ["too deep a message", `${"[".repeat(300)}${"]".repeat(300)}`, null, expect.any(String)],
  ])("refuses %s in words, and continues", async (_, message, param, code) => {
    const { url } = await serveSockets();
    const client = await connect(url);
    client.send(message);
    expect(await client.read()).toMatchObject({ type: "error", status: 400, error: { param, code } });
    client.send(create());
    expect(textOf(await client.readAnswer())).toBe("Hello there!");
  });

  it("accepts Codex's messages: a body with its metadata, and a note that it has read a response", async () => {
    const { url } = await serveSockets();
    const client = await connect(url, { headers: { "openai-beta": "responses_websockets=2026-02-06" } });
    client.send(
      create({
        instructions: "You are Codex.",
        input: [{ type: "message", role: "user", content: [{ type: "input_text", text: "Hi" }] }],
        tools: [{ type: "function", name: "shell", strict: false, parameters: { type: "object", properties: {} } }],
        tool_choice: "auto",
        parallel_tool_calls: false,
        reasoning: null,
        stream: true,
        include: [],
        prompt_cache_key: "0198",
        client_metadata: { "x-codex-turn-metadata": "{}" },
      }),
    );
    const answer = await client.readAnswer();
    expect(textOf(answer)).toBe("Hello there!");
    client.send({ type: "response.processed", response_id: idOf(answer) });
    client.send(create());
    expect(textOf(await client.readAnswer())).toBe("Hello there!");
  });

  it("accepts a binary message, and one without a type", async () => {
    const { url } = await serveSockets();
    const client = await connect(url);
    const { type: _, ...body } = create();
    client.ws.send(Buffer.from(JSON.stringify(body)));
    expect(textOf(await client.readAnswer())).toBe("Hello there!");
  });

  it("writes a line in the access log for each message", async () => {
    const { url, log } = await serveSockets();
    const client = await connect(url);
    client.send(create());
    await client.readAnswer();
    client.send(create());
    await client.readAnswer();
    await loopTurn();
    const lines = log.filter(({ msg, method }) => msg === "request" && method === "POST");
    expect(lines).toHaveLength(2);
    expect(lines[0]).toMatchObject({ path: "/v1/responses", status: 200, model: MODEL_ID });
  });
});

describe("a WebSocket's end", () => {
  it("cancels requests when the client leaves", async () => {
    const engine = createHeldEngine();
    const { url } = await serveSockets({ generate: engine.generate });
    const client = await connect(url);
    client.send(create());
    await engine.begun;
    client.ws.terminate();
    await engine.aborted;
  });

  it("comes at once when the server stops and nothing runs", async () => {
    const { url, drain } = await serveSockets();
    const { ws } = await connect(url);
    const closed = once(ws, "close");
    await drain();
    expect(await closed).toMatchObject([1001, Buffer.from("the server is stopping")]);
  });

  it("waits for the running response when the server stops, and accepts no other", async () => {
    const engine = createHeldEngine();
    const { url, drain } = await serveSockets({ generate: engine.generate });
    const client = await connect(url);
    const closed = once(client.ws, "close");
    client.send(create());
    await engine.begun;
    const drained = drain();
    client.send(create());
    await client.read();
    await client.read();
    expect(await client.read()).toMatchObject({ type: "error", status: 503, error: { code: "server_shutting_down" } });
    engine.release();
    expect(textOf(await client.readAnswer())).toBe("late");
    expect((await closed)[0]).toBe(1001);
    await drained;
  });

  it("comes with a message larger than the limit for bodies", async () => {
    const { url } = await serveSockets({ settings: { maxBodyBytes: 2_000 } });
    const { ws, send } = await connect(url);
    send(create({ input: "x".repeat(2_000) }));
    expect((await once(ws, "close"))[0]).toBe(1009);
  });

  it("comes to the one that is idle longest when there are too many", async () => {
    const { url } = await serveSockets({}, { maxConnections: 4 });
    const first = await connect(url);
    const second = await connect(url);
    const closed = once(second.ws, "close");
    first.send(create());
    await first.readAnswer();
    const third = await connect(url);
    expect((await closed)[0]).toBe(1013);
    third.send(create());
    expect(textOf(await third.readAnswer())).toBe("Hello there!");
  });

  it("comes to a client that answers no pings, and its generation stops", async () => {
    const engine = createHeldEngine();
    const { url } = await serveSockets({ generate: engine.generate }, { pingEveryMs: 20 });
    const client = await connect(url, { autoPong: false });
    const closed = once(client.ws, "close");
    client.send(create());
    await engine.aborted;
    expect((await closed)[0]).toBe(1006);
  });

  it("does not come to an idle client that answers them", async () => {
    const { url } = await serveSockets({}, { pingEveryMs: 20 });
    const client = await connect(url);
    for (let pings = 0; pings < 6; pings += 1) await once(client.ws, "ping");
    client.send(create());
    expect(textOf(await client.readAnswer())).toBe("Hello there!");
  });

  it("comes to a client that reads nothing, and its generation stops", async () => {
    const stopped = Promise.withResolvers<void>();
    const generate = script(async function* () {
      try {
        yield { type: "started", promptTokens: 1, cachedTokens: 0 } as const;
        for (;;) yield { type: "text", choice: 0, text: "x".repeat(10_000) } as const;
      } finally {
        stopped.resolve();
      }
    });
    const { url } = await serveSockets({ generate }, { readTimeoutMs: 200 });
    const client = await connect(url);
    client.ws.pause();
    client.send(create());
    await stopped.promise;
  });
});

describe("a client that sends without reading", () => {
  it("gets no more errors than it reads", async () => {
    const { url } = await serveSockets({ generate: createHeldEngine().generate });
    const client = await connect(url);
    client.ws.pause();
    // What the buffers of two sockets hold is far less than all these refusals.
    for (let count = 0; count < 80_000; count += 1) client.ws.send("{}}");
    let answers = 0;
    client.ws.on("message", () => {
      answers += 1;
    });
    const ponged = once(client.ws, "pong");
    client.ws.ping();
    client.ws.resume();
    await ponged;
    expect(answers).toBeLessThan(60_000);
    expect(client.ws.readyState).toBe(Client.OPEN);
  });
});

/** What a handshake is answered with, and its body. */
async function refusalOf(url: string, headers: Readonly<Record<string, string>>, path = "/v1/responses") {
  const upgrade = {
    connection: "Upgrade",
    upgrade: "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": "MDEyMzQ1Njc4OWFiY2RlZg==",
  };
  const asked = request(`${url}${path}`, { headers: { ...upgrade, ...headers } }).end();
  const [response] = await once(asked, "response");
  let body = "";
  for await (const chunk of response) body += chunk;
  return { status: response.statusCode, body: JSON.parse(body) };
}

describe("a WebSocket's opening", () => {
  it("is refused to a page of another origin, in words", async () => {
    const { url } = await serveSockets();
    expect(await refusalOf(url, { origin: "https://evil.example" })).toMatchObject({
      status: 403,
      body: { error: { code: "origin_not_allowed" } },
    });
    await connect(url, { origin: url });
  });

  it("leaves no connection behind when it is refused", async () => {
    const { url, server } = await serveSockets();
    const [taken] = await Promise.all([
      once(server, "connection").then(([connection]) => once(connection, "close")),
      refuseOver(url),
    ]);
    expect(taken).toEqual([false]);
  });

  /** A client that is refused, and doesn't end its side of the connection. */
  async function refuseOver(url: string) {
    const socket = connectTcp({ port: Number(new URL(url).port), host: "127.0.0.1", allowHalfOpen: true });
    onTestFinished(() => void socket.destroy());
    socket.write(
      "GET /v1/responses HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: Upgrade\r\nupgrade: websocket\r\norigin: https://evil.example\r\n\r\n",
    );
    let answer = "";
    socket.setEncoding("utf8").on("data", (text) => {
      answer += text;
    });
    await once(socket, "end");
    expect(answer).toMatch(/^HTTP\/1\.1 403 Forbidden\r\n/);
  }

  it("is granted to a page that may call", async () => {
    const { url } = await serveSockets({ settings: { corsOrigins: ["https://app.example"] } });
    await connect(url, { origin: "https://app.example" });
  });

  it("is refused under a name that isn't ours", async () => {
    const { url } = await serveSockets({ settings: { hosts: { bound: "127.0.0.1", allowed: [] } } });
    expect(await refusalOf(url, { host: "evil.example" })).toMatchObject({ status: 403 });
    const client = await connect(url);
    client.send(create());
    expect(textOf(await client.readAnswer())).toBe("Hello there!");
  });

  it("is handled like any other request when it asks for another protocol", async () => {
    const { url } = await serveSockets();
    const asked = request(`${url}/v1/models`, { headers: { connection: "Upgrade", upgrade: "h2c" } }).end();
    const [response] = await once(asked, "response");
    expect(response.resume().statusCode).toBe(200);
  });

  it("leaves other URLs as they are", async () => {
    const { url } = await serveSockets();
    expect(await refusalOf(url, {}, "/v1/models")).toMatchObject({ status: 200, body: { object: "list" } });
    expect(await refusalOf(url, {}, "/v1/nowhere")).toMatchObject({ status: 404 });
  });

  it("is refused when the server can't open one", async () => {
    const { app } = createTestApp();
    const answer = await app.request("/v1/responses", { headers: { connection: "upgrade", upgrade: "websocket" } });
    expect(answer.status).toBe(426);
  });
});

describe("a WebSocket when there are keys", () => {
  const keyed = { headers: { authorization: "Bearer sk-right" } };

  function createRing() {
    const state = openState();
    const fixed = createFixedKeys({ keysFile: "", apiKey: "sk-right", logger: silent });
    const usage = createUsageBook({ store: state.usage, logger: silent });
    const access: Access = {
      keys: createKeyRing({ store: state.keys, fixed }),
      meter: createMeter({ counters: createCounters(), usage }),
      flush: usage.flush,
    };
    return { access, state };
  }

  it("is refused without one, in words", async () => {
    const { url } = await serveSockets(createRing());
    expect(await refusalOf(url, {})).toMatchObject({ status: 401, body: { error: { code: "invalid_api_key" } } });
  });

  it("sends each message under the key that opened it", async () => {
    const { url, log } = await serveSockets(createRing());
    const client = await connect(url, keyed);
    client.send(create());
    expect(textOf(await client.readAnswer())).toBe("Hello there!");
    await loopTurn();
    expect(log.filter(({ method }) => method === "POST")).toMatchObject([{ keyName: expect.any(String) }]);
  });

  it("takes the place of its key's idlest when the key has its share, and is refused when none is idle", async () => {
    const engine = createHeldEngine();
    const { url } = await serveSockets({ ...createRing(), generate: engine.generate }, { maxConnections: 8 });
    const first = await connect(url, keyed);
    const closed = once(first.ws, "close");
    const others = [await connect(url, keyed), await connect(url, keyed)];
    expect((await closed)[0]).toBe(1013);
    for (const client of others) {
      client.send(create());
      await client.read();
    }
    expect(await refusalOf(url, keyed.headers)).toMatchObject({
      status: 429,
      body: { error: { code: "too_many_connections" } },
    });
    engine.release();
  });
});

describe("whatever is sent over a WebSocket", () => {
  it("neither closes it nor blocks later answers", async () => {
    const { url } = await serveSockets();
    const client = await connect(url);
    const field = fc.constantFrom("type", "model", "input", "stream_id", "stream", "previous_response_id", "generate");
    const value = fc.oneof(fc.jsonValue(), fc.constantFrom("response.create", MODEL_ID, "response.processed", true));
    const message = fc.oneof(
      fc.string().map((text) => Buffer.from(text)),
      fc.uint8Array().map((bytes) => Buffer.from(bytes)),
      fc.json().map((text) => Buffer.from(text)),
      fc.dictionary(field, value).map((fields) => Buffer.from(JSON.stringify(create(fields)))),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(message, { maxLength: 8 }), async (messages) => {
        for (const each of messages) client.ws.send(each, { binary: true });
        // Messages are read in order: when this one is refused, all that were sent before it have been read.
        client.send({ type: "end" });
        for (;;) {
          const { message, code } = Object((await client.read()).error);
          if (code === "too_many_messages" || String(message).includes("'end'")) break;
        }
      }),
      { numRuns: 60 },
    );
    client.send(create({ stream_id: "last" }));
    let last: Message;
    do last = await client.read();
    while (last.type !== "response.completed" || last.stream_id !== "last");
    expect(client.ws.readyState).toBe(Client.OPEN);
  });
});

describe("the memory of connections", () => {
  it("is never more than they all may, and is the newest of the one that was used last", () => {
    const state = openState();
    const kept = (id: string) => ({ ...outcome(id), keep: false });
    const bytes = (() => {
      const { record, context, input, output } = kept("00");
      return [record, ...context, ...input, ...output].reduce((sum, { id, body }) => sum + id.length + body.length, 0);
    })();
    const act = fc.record({ by: fc.nat(4), isClose: fc.boolean(), isUse: fc.boolean() });
    fc.assert(
      fc.property(fc.array(act, { maxLength: 40 }), (acts) => {
        const newMemory = createMemories(3 * bytes);
        const memories = Array.from({ length: 5 }, () => newMemory(2 * bytes));
        const closed = new Set<number>();
        const ids: string[] = [];
        const remembers = (by: number, id: string) => memories[by]?.over(state).responses.get(id) !== undefined;
        for (const [step, { by, isClose, isUse }] of acts.entries()) {
          const id = String(step).padStart(2, "0");
          if (isUse) memories[by]?.over(state);
          else if (isClose) {
            memories[by]?.close();
            closed.add(by);
          } else {
            memories[by]?.note(kept(id));
            ids.push(id);
            expect(remembers(by, id)).toBe(!closed.has(by));
          }
        }
        const all = memories.flatMap((_, by) => ids.filter((id) => remembers(by, id)).map(() => by));
        expect(all.length).toBeLessThanOrEqual(3);
        expect(all.filter((by) => closed.has(by))).toEqual([]);
      }),
    );
  });
});

describe("OpenAI's client over a WebSocket", () => {
  it("has its answer", async () => {
    const { url } = await serveSockets();
    const openai = new OpenAI({ apiKey: "none", baseURL: `${url}/v1` });
    const ws = new ResponsesWS(openai);
    onTestFinished(() => ws.close());
    ws.send({ type: "response.create", model: MODEL_ID, input: "Hi", store: false });
    let text = "";
    for await (const event of ws) {
      if (event.type !== "message") continue;
      if (event.message.type === "response.output_text.delta") text += event.message.delta;
      if (event.message.type === "response.completed") break;
    }
    expect(text).toBe("Hello there!");
  });

  it("hears of an error", async () => {
    const { url } = await serveSockets();
    const ws = new ResponsesWS(new OpenAI({ apiKey: "none", baseURL: `${url}/v1` }));
    onTestFinished(() => ws.close());
    ws.send({ type: "response.create", model: "nothing", input: "Hi" });
    const error = await new Promise<Error>((resolve) => ws.on("error", resolve));
    expect(error).toMatchObject({ error: { status: 404, error: { code: "model_not_found" } } });
  });
});

describe("a browser's WebSocket", () => {
  it("has its answer", async () => {
    const { url } = await serveSockets();
    const ws = new WebSocket(`${url.replace("http", "ws")}/v1/responses`);
    onTestFinished(() => ws.close());
    await new Promise((resolve) => ws.addEventListener("open", resolve));
    const completed = new Promise((resolve) =>
      ws.addEventListener("message", ({ data }) => {
        if (JSON.parse(data).type === "response.completed") resolve(undefined);
      }),
    );
    ws.send(JSON.stringify(create()));
    await completed;
  });
});
