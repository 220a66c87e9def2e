import { once } from "node:events";
import { type ClientRequest, type IncomingMessage, request } from "node:http";
import { describe, expect, it } from "vitest";
import { EngineCrashedError } from "../../src/generation/errors.ts";
import type { GenerationEvent } from "../../src/generation/event.ts";
import { error } from "../../src/protocols/openai-responses.ts";
import {
  answerWith,
  CHAT,
  chatInit,
  createTestApp,
  listen,
  listenAsGateway,
  loopTurn,
  MODEL_ID,
  parseChunks,
  parseFrames,
  script,
  servedModel,
  textOf,
} from "./support.ts";

/** Sends a chat completion over a connection of its own, without reading the answer. */
function send(
  port: number,
  body: Readonly<Record<string, unknown>>,
  options: { chunked?: boolean } = {},
): ClientRequest {
  const { method, headers, body: text } = chatInit(body);
  const client = request({ host: "127.0.0.1", port, path: CHAT, method, headers, agent: false });
  // A test that breaks its connection off does not want to hear of it.
  client.on("error", () => {});
  if (options.chunked === true) {
    client.write(text.slice(0, 10));
    client.end(text.slice(10));
  } else {
    client.end(text);
  }
  return client;
}

async function responseOf(client: ClientRequest): Promise<IncomingMessage> {
  const [response] = (await once(client, "response")) as [IncomingMessage];
  return response;
}

async function readAll(response: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of response.setEncoding("utf8")) {
    text += chunk;
  }
  return text;
}

/** An engine that says `events` and then nothing more until nobody wants it, with promises for what becomes of it. */
function createWaitingEngine(events: readonly GenerationEvent[]) {
  const begun = Promise.withResolvers<void>();
  const aborted = Promise.withResolvers<void>();
  const left = Promise.withResolvers<void>();
  const generate = script(async function* (generation) {
    generation.signal.addEventListener("abort", () => aborted.resolve());
    try {
      yield* events;
      begun.resolve();
      await once(generation.signal, "abort");
    } finally {
      left.resolve();
    }
  });
  return { generate, begun: begun.promise, aborted: aborted.promise, left: left.promise };
}

// Hono takes another way through its server when a middleware touches the answer, as CORS does; ours sends streams past web streams.
const WAYS = [
  ["a web stream", listen, { corsOrigins: [] }],
  ["a web stream and CORS", listen, { corsOrigins: ["*"] }],
  ["cut-through", listenAsGateway, { corsOrigins: [] }],
  ["cut-through and CORS", listenAsGateway, { corsOrigins: ["*"] }],
] as const;

describe.each(WAYS)("over a real connection, with %s", (_way, listen, settings) => {
  it("streams the same as without a server", async () => {
    const { app } = createTestApp({ settings });
    await using server = await listen(app);
    const response = await responseOf(send(server.port, { stream: true }));
    expect(response.headers).toMatchObject({
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-cache, no-transform",
      "x-accel-buffering": "no",
      "transfer-encoding": "chunked",
      "x-request-id": expect.stringMatching(/^req_/),
      "openai-processing-ms": expect.stringMatching(/^\d+$/),
    });
    expect(textOf(parseChunks(await readAll(response)))).toBe("Hello there!");
  });

  it("ends a stream that breaks in the middle with an error event, and logs it", async () => {
    const generate = script(async function* () {
      yield* answerWith(["Hello"]).slice(0, 2);
      throw new EngineCrashedError(3);
    });
    const { app, log, logged } = createTestApp({ generate, settings });
    await using server = await listen(app);
    const response = await responseOf(send(server.port, { stream: true }));
    const frames = parseFrames(await readAll(response));
    expect(error.parse(JSON.parse(frames.at(-1) ?? "")).error.code).toBe("engine_crashed");
    await logged;
    expect(log).toMatchObject([{ status: 200, error: "engine_crashed", clientGone: false, tokens: { completion: 1 } }]);
  });

  it("answers a stream that is refused before its first token with the error's status", async () => {
    const generate = script(async function* () {
      yield* [];
      throw new EngineCrashedError(3);
    });
    const { app } = createTestApp({ generate, settings });
    await using server = await listen(app);
    const response = await responseOf(send(server.port, { stream: true }));
    expect(response.statusCode).toBe(500);
    expect(error.parse(JSON.parse(await readAll(response))).error.code).toBe("engine_crashed");
  });

  it.each([
    ["before the first token of a stream", true, [], false],
    ["in mid-stream", true, answerWith(["Hello"]).slice(0, -1), true],
    ["while a whole answer is made", false, answerWith(["Hello"]).slice(0, -1), false],
  ])("ends the generation at once when the client leaves %s", async (_, stream, events, hasBegunToAnswer) => {
    const engine = createWaitingEngine(events);
    const { app, log, logged } = createTestApp({ generate: engine.generate, settings });
    await using server = await listen(app);
    const client = send(server.port, { stream });
    if (hasBegunToAnswer) {
      await responseOf(client);
    }
    await engine.begun;
    client.destroy();

    await engine.aborted;
    await engine.left;
    await logged;
    await loopTurn();
    const status = hasBegunToAnswer ? 200 : 499;
    // As far as it had come, also where no choice has finished.
    const tokens = events.length === 0 ? { prompt: 0, completion: 0 } : { prompt: 12, cached: 4, completion: 1 };
    expect(log).toMatchObject([{ clientGone: true, status, tokens }]);
  });

  it("notices a client that leaves even when its body came in chunks", async () => {
    const engine = createWaitingEngine([]);
    const { app } = createTestApp({ generate: engine.generate, settings });
    await using server = await listen(app);
    const client = send(server.port, {}, { chunked: true });
    await engine.begun;
    client.destroy();
    await engine.aborted;
    await engine.left;
  });

  it.each([
    ["of a chunked body", {}],
    ["of a body whose length was told", { "content-length": "1000" }],
  ])("logs a client that leaves in the middle %s as gone, not as an error", async (_, length) => {
    const { app, log, logged } = createTestApp({ settings });
    await using server = await listen(app);
    const { method, headers } = chatInit({});
    const client = request({
      host: "127.0.0.1",
      port: server.port,
      path: CHAT,
      method,
      headers: { ...headers, ...length },
      agent: false,
    });
    client.on("error", () => {});
    const arrived = once(server.node, "request");
    client.write('{"model":');
    await arrived;
    client.destroy();
    await logged;
    await loopTurn();
    expect(log).toMatchObject([{ msg: "request", status: 499, clientGone: true }]);
  });

  it("continues with the others when a client leaves", async () => {
    const engine = createWaitingEngine(answerWith(["Hello"]).slice(0, -1));
    const { app } = createTestApp({
      models: [servedModel(engine.generate), servedModel(script(answerWith(["fine"])), { id: "other", aliases: [] })],
      settings,
    });
    await using server = await listen(app);
    const client = send(server.port, { stream: true });
    await responseOf(client);
    client.destroy();
    await engine.left;
    const response = await responseOf(send(server.port, { model: "other", stream: true }));
    expect(textOf(parseChunks(await readAll(response)))).toBe("fine");
  });

  it("reads no more from the engine than a slow client does, while others stream on", async () => {
    const text = "x".repeat(65_536);
    let takenBytes = 0;
    const generate = script(async function* (generation) {
      yield { type: "started", promptTokens: 1, cachedTokens: 0 };
      while (!generation.signal.aborted) {
        takenBytes += text.length;
        yield { type: "text", choice: 0, text };
        // As an engine does, it lets others have their turn between two steps.
        await new Promise((resolve) => setImmediate(resolve));
      }
    });
    const other = servedModel(script(answerWith(Array.from({ length: 50 }, () => "y"))), { id: "other", aliases: [] });
    const { app } = createTestApp({ models: [servedModel(generate), other], settings });
    await using server = await listen(app);
    const slow = send(server.port, { stream: true });
    const response = await responseOf(slow);
    response.pause();

    // The kernel buffers some megabytes on both sides. Then it must stand still, however long the others go on.
    let stillRounds = 0;
    for (let round = 0; round < 500 && stillRounds < 10; round += 1) {
      const before = takenBytes;
      const others = await responseOf(send(server.port, { model: "other", stream: true }));
      expect(textOf(parseChunks(await readAll(others)))).toBe("y".repeat(50));
      stillRounds = takenBytes === before ? stillRounds + 1 : 0;
    }
    expect(stillRounds).toBe(10);
    expect(takenBytes).toBeLessThan(128 * 1_048_576);

    // It goes on where it stood when the client reads again.
    const stoodAt = takenBytes;
    const wentOn = Promise.withResolvers<void>();
    response.on("data", () => {
      if (takenBytes > stoodAt) {
        wentOn.resolve();
      }
    });
    response.resume();
    await wentOn.promise;
    slow.destroy();
  });

  it("refuses a body without a length that grows beyond the limit, and doesn't wait for its end", async () => {
    const { app } = createTestApp({ settings: { ...settings, maxBodyBytes: 1_024 } });
    await using server = await listen(app);
    const { method, headers } = chatInit({});
    const client = request({ host: "127.0.0.1", port: server.port, path: CHAT, method, headers, agent: false });
    client.on("error", () => {});
    client.write(" ".repeat(2_048));
    const response = await responseOf(client);
    expect(response.statusCode).toBe(413);
    expect(error.parse(JSON.parse(await readAll(response))).error.code).toBe("request_too_large");
    client.destroy();
  });
});

describe("over a real connection", () => {
  it("answers several requests one after another on one connection", async () => {
    const { app } = createTestApp();
    await using server = await listen(app);
    const wrong = await fetch(`${server.url}${CHAT}`, chatInit({ temperature: 3 }));
    expect(wrong.status).toBe(400);
    await wrong.body?.cancel();
    const right = await fetch(`${server.url}${CHAT}`, chatInit({}));
    expect(await right.json()).toMatchObject({ model: MODEL_ID });
  });
});
