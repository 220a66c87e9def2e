import { once } from "node:events";
import { type ClientRequest, type IncomingMessage, request } from "node:http";
import { connect, type Socket } from "node:net";
import { describe, expect, it } from "vitest";
import type { ConnectionLimits } from "../../src/http/connections.ts";
import { error } from "../../src/protocols/openai-responses.ts";
import {
  answerWith,
  CHAT,
  chatInit,
  createTestApp,
  listenAsGateway,
  loopTurn,
  parseChunks,
  script,
  textOf,
} from "./support.ts";

/** Serves a test's app within `limits` until the scope ends. */
async function serveWithin(limits: Partial<ConnectionLimits>, options: Parameters<typeof createTestApp>[0] = {}) {
  const { app, log } = createTestApp(options);
  const server = await listenAsGateway(app, limits);
  return Object.assign(server, { server: server.node, log });
}

function open(port: number): Socket {
  const socket = connect({ host: "127.0.0.1", port });
  socket.on("error", () => {});
  return socket;
}

/** All that comes until the other side closes the connection. */
async function readToEnd(socket: Socket): Promise<string> {
  let text = "";
  socket.setEncoding("utf8").on("data", (chunk) => {
    text += chunk;
  });
  await once(socket, "close");
  return text;
}

function post(port: number, headers: Readonly<Record<string, string>> = {}): ClientRequest {
  const client = request({
    ...{ host: "127.0.0.1", port, path: CHAT, method: "POST", agent: false },
    headers: { "content-type": "application/json", ...headers },
  });
  client.on("error", () => {});
  return client;
}

async function responseOf(client: ClientRequest): Promise<IncomingMessage> {
  const [response] = (await once(client, "response")) as [IncomingMessage];
  return response;
}

async function readAll(response: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of response.setEncoding("utf8")) text += chunk;
  return text;
}

describe("a connection", () => {
  it.each(["", "GET /health HTTP/1.1\r\nHost: localhost\r\nX-Slow: "])(
    "ends when its headers don't arrive: %j",
    async (sent) => {
      await using server = await serveWithin({ headerTimeoutMs: 100 });
      const socket = open(server.port);
      socket.write(sent);
      expect(await readToEnd(socket)).toMatch(/^(HTTP\/1.1 408 |$)/);
    },
  );

  it("may send some requests without waiting for the answers", async () => {
    await using server = await serveWithin({ keepAliveMs: 1 });
    const socket = open(server.port);
    socket.write("GET /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(16));
    expect((await readToEnd(socket)).match(/HTTP\/1.1 200 /g)).toHaveLength(16);
  });

  it("ends when it sends very many without waiting, and none of them is worked on any more", async () => {
    await using server = await serveWithin({});
    const begun: unknown[] = [];
    server.server.on("request", (incoming) => begun.push(incoming));
    const socket = open(server.port);
    socket.write("GET /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(2_000));
    await new Promise((resolve) => socket.once("close", resolve).resume());
    await expect.poll(() => begun.length).toBeGreaterThan(64);
    await loopTurn();
    expect(server.log.length).toBeLessThanOrEqual(64);
  });

  it("ends when it has no more requests", async () => {
    await using server = await serveWithin({ keepAliveMs: 1 });
    const socket = open(server.port);
    socket.write("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
    expect(await readToEnd(socket)).toMatch(/^HTTP\/1.1 200 /);
  });

  it("replaces the connection that is idle longest when there are too many, and never a busy one", async () => {
    const begun = Promise.withResolvers<void>();
    const goOn = Promise.withResolvers<void>();
    const generate = script(async function* () {
      begun.resolve();
      await goOn.promise;
      yield* answerWith(["Hi"]);
    });
    await using server = await serveWithin({ maxConnections: 3 }, { generate });
    const busy = post(server.port);
    busy.end(chatInit({}).body);
    await begun.promise;
    const [first, second] = [open(server.port), open(server.port)];
    await Promise.all([once(first, "connect"), once(second, "connect")]);
    const firstEnd = once(first, "close");
    const third = open(server.port);
    third.write("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
    await firstEnd;
    expect(String((await once(third, "data"))[0])).toMatch(/^HTTP\/1.1 200 /);
    expect(second.destroyed).toBe(false);
    goOn.resolve();
    expect(await readAll(await responseOf(busy))).toContain("Hi");
    for (const socket of [second, third]) socket.destroy();
  });

  it("is refused when all are busy", async () => {
    const begun = Promise.withResolvers<void>();
    const generate = script(async function* ({ signal }) {
      yield* [];
      begun.resolve();
      await once(signal, "abort");
    });
    await using server = await serveWithin({ maxConnections: 1 }, { generate });
    const busy = post(server.port);
    busy.end(chatInit({}).body);
    await begun.promise;
    expect(await readToEnd(open(server.port))).toBe("");
    busy.destroy();
  });
});

describe("a body", () => {
  it("that arrives too slowly is refused", async () => {
    await using server = await serveWithin({ bodyTimeoutMs: 200, minBodyRate: 10_000 });
    const client = post(server.port, { "content-length": "100000" });
    const drip = setInterval(() => client.write(" "), 10);
    const response = await responseOf(client);
    clearInterval(drip);
    expect(response.statusCode).toBe(408);
    expect(error.parse(JSON.parse(await readAll(response))).error.code).toBe("request_timeout");
    client.destroy();
  });

  it("that stops coming in its midst is not waited for, however fast it began", async () => {
    await using server = await serveWithin({ bodyTimeoutMs: 200, minBodyRate: 0 });
    const client = post(server.port, { "content-length": "100000" });
    client.write(" ".repeat(50_000));
    expect((await responseOf(client)).statusCode).toBe(408);
    client.destroy();
  });

  it("that arrives slowly but steadily is accepted, however long it takes", async () => {
    await using server = await serveWithin({ bodyTimeoutMs: 500, minBodyRate: 10 });
    const { body } = chatInit({});
    const text = body.padStart(60 * 20);
    const client = post(server.port, { "content-length": String(text.length) });
    let sent = 0;
    const steps = setInterval(() => {
      client.write(text.slice(sent, sent + 20));
      sent += 20;
      if (sent < text.length) return;
      clearInterval(steps);
      client.end();
    }, 25);
    const response = await responseOf(client);
    expect(response.statusCode).toBe(200);
    await readAll(response);
  });
});

describe("an answer", () => {
  it("ends when its reader reads nothing", async () => {
    const aborted = Promise.withResolvers<void>();
    const generate = script(async function* ({ signal }) {
      signal.addEventListener("abort", () => aborted.resolve());
      yield { type: "started", promptTokens: 1, cachedTokens: 0 };
      while (!signal.aborted) {
        yield { type: "text", choice: 0, text: "x".repeat(65_536) };
        await new Promise((resolve) => setImmediate(resolve));
      }
    });
    await using server = await serveWithin({ readTimeoutMs: 200 }, { generate });
    const client = post(server.port);
    client.end(chatInit({ stream: true }).body);
    (await responseOf(client)).pause();
    await aborted.promise;
    client.destroy();
  });

  it("that isn't ready yet is waited for, as a stream and whole", async () => {
    for (const stream of [true, false]) {
      const goOn = Promise.withResolvers<void>();
      const generate = script(async function* () {
        const [started, ...rest] = answerWith(["Hello"]);
        if (started !== undefined) yield started;
        await goOn.promise;
        yield* rest;
      });
      await using server = await serveWithin({ readTimeoutMs: 100 }, { generate });
      const silence = once(server.server, "timeout");
      const client = post(server.port);
      const answer = responseOf(client);
      client.end(chatInit({ stream }).body);
      await silence;
      goOn.resolve();
      const text = await readAll(await answer);
      expect(stream ? textOf(parseChunks(text)) : text).toContain("Hello");
    }
  });
});
