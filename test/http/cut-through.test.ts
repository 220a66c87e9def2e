import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import type { GenerationEvent } from "../../src/generation/event.ts";
import { CutThrough } from "../../src/http/cut-through.ts";
import { eventStreamResponse, SERVER_SENT_EVENTS } from "../../src/http/event-stream.ts";
import { startGeneration } from "../../src/http/generation.ts";
import type { Beat, Heartbeat } from "../../src/http/heartbeat.ts";
import type { StreamEncoder } from "../../src/protocols/stream.ts";
import { generationRequest } from "../fixtures/generation.ts";
import { answerWith, CHAT, chatInit, createTestApp, listenAsGateway, script } from "./support.ts";

const plain: StreamEncoder = {
  open: () => "",
  encode: (event) => (event.type === "text" ? event.text : ""),
  beat: () => "",
  close: () => "close",
  fail: (error) => error.message,
};

const text = (text: string): GenerationEvent => ({ type: "text", choice: 0, text });

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

/** Serves a stream of `events`, whose signs of life are sent by hand. */
async function serveStream(
  events: Parameters<typeof script>[0],
  options: { readonly beat?: Beat; readonly before?: (outgoing: ServerResponse) => Promise<void> } = {},
) {
  let ends = 0;
  let send: (beat: Beat) => boolean = () => false;
  const outgoing = Promise.withResolvers<ServerResponse>();
  const heartbeat: Heartbeat = {
    first: new Promise(() => {}),
    sendBy: (sender) => {
      send = sender;
    },
    touch() {},
    stop() {},
  };
  const server = createServer(async (_: IncomingMessage, response) => {
    const cutThrough = new CutThrough(response);
    const generation = startGeneration(script(events), generationRequest(), new AbortController().signal);
    const answer = await eventStreamResponse({
      ...{ generation, heartbeat, encoder: plain, framing: SERVER_SENT_EVENTS, outlet: cutThrough },
      first: Promise.resolve({ type: "started", promptTokens: 1, cachedTokens: 0 }),
      beat: options.beat,
      describeError: (error) => ({ message: String(error), type: "server_error", param: null, code: null }),
      onEnd: () => {
        ends += 1;
      },
    });
    await options.before?.(response);
    cutThrough.send(answer);
    outgoing.resolve(response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return {
    port,
    outgoing: outgoing.promise,
    ends: () => ends,
    beat: (words: string) => send({ words, withEvent: false }),
  };
}

function ask(port: number, version = "1.1"): Socket {
  const socket = connect({ host: "127.0.0.1", port });
  socket.on("error", () => {});
  socket.write(`GET / HTTP/${version}\r\nhost: localhost\r\nconnection: close\r\n\r\n`);
  return socket;
}

async function readToEnd(socket: Socket): Promise<string> {
  let all = "";
  socket.setEncoding("utf8").on("data", (part) => {
    all += part;
  });
  await once(socket, "close");
  return all;
}

/** The chunks of a body as they stand on the wire: one for each write. */
function chunksOf(answer: string): string[] {
  const [, ...lines] = answer.slice(answer.indexOf("\r\n\r\n") + 2).split("\r\n");
  return lines.filter((_, index) => index % 2 === 1).filter((chunk) => chunk !== "");
}

describe("cut-through", () => {
  it("writes all output of one engine step at once", async () => {
    const { port, ends } = await serveStream(async function* () {
      for (const step of ["a", "b", "c"]) {
        for (const choice of ["0", "1", "2"]) yield text(step + choice);
        await nextTurn();
      }
    });
    expect(chunksOf(await readToEnd(ask(port)))).toEqual(["a0a1a2", "b0b1b2", "c0c1c2", "close"]);
    expect(ends()).toBe(1);
  });

  it("encodes the text as UTF-8", async () => {
    const { port } = await serveStream([text("žluťoučký 🐎")]);
    const response = await fetch(`http://127.0.0.1:${port}`);
    expect(response.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
    expect(response.headers.has("x-hono-already-sent")).toBe(false);
    expect(await response.text()).toBe("žluťoučký 🐎close");
  });

  it("streams to a client of HTTP/1.0, which knows no chunks", async () => {
    const { port } = await serveStream([text("one"), text("two")]);
    expect(await readToEnd(ask(port, "1.0"))).toMatch(/\r\n\r\nonetwoclose$/);
  });

  it("begins with the sign of life that came before the first token", async () => {
    const { port } = await serveStream([text("one")], { beat: { words: "queued", withEvent: false } });
    expect(await (await fetch(`http://127.0.0.1:${port}`)).text()).toBe(": queued\n\noneclose");
  });

  it("sends signs of life between tokens, and none to a client that doesn't read", async () => {
    const waiting = Promise.withResolvers<void>();
    const { port, outgoing, beat, ends } = await serveStream(async function* (request) {
      await waiting.promise;
      while (!request.signal.aborted) {
        yield text("x".repeat(65_536));
        await nextTurn();
      }
    });
    const socket = ask(port);
    const response = await outgoing;
    expect(beat("alive")).toBe(true);
    const [first] = await once(socket, "data");
    expect(String(first)).toContain(": alive\n\n");
    socket.pause();
    waiting.resolve();
    await expect.poll(() => response.writableNeedDrain).toBe(true);
    // What the kernel takes meanwhile is read by nobody.
    const writtenMeanwhile = async () => {
      const before = response.socket?.bytesWritten ?? 0;
      for (let turn = 0; turn < 100; turn += 1) await nextTurn();
      return (response.socket?.bytesWritten ?? 0) - before;
    };
    await expect.poll(writtenMeanwhile).toBe(0);
    expect(beat("alive")).toBe(false);
    socket.destroy();
    await expect.poll(ends).toBe(1);
  });

  it("leaves the generation of a client that left before the stream began", async () => {
    const { port, ends, outgoing } = await serveStream([text("never")], {
      async before(response) {
        socket.destroy();
        await once(response, "close");
      },
    });
    const socket = ask(port);
    await outgoing;
    expect(ends()).toBe(1);
  });

  it("leaves the generation when another answer replaces the stream", () => {
    const cutThrough = new CutThrough({} as ServerResponse);
    const leave = vi.fn();
    const idle = { take: () => new Promise<never>(() => {}), sendBeatsBy() {}, end() {} };
    cutThrough.accept({ ...idle, headers: {}, opening: "", leave });
    const other = new Response("other");
    expect(cutThrough.send(other)).toBe(other);
    expect(leave).toHaveBeenCalledOnce();
  });

  it("answers requests that wait behind each other on one connection in their order", async () => {
    const generate = script(async function* ({ maxTokens }) {
      yield* answerWith([`${maxTokens}`]);
    });
    const { app } = createTestApp({ generate });
    await using server = await listenAsGateway(app);
    const socket = connect({ host: "127.0.0.1", port: server.port });
    for (const [round, end] of ["keep-alive", "keep-alive", "close"].entries()) {
      const { body } = chatInit({ stream: true, max_tokens: round + 1 });
      const head = `POST ${CHAT} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nconnection: ${end}`;
      socket.write(`${head}\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
    }
    const answers = (await readToEnd(socket)).split("HTTP/1.1 200 OK").slice(1);
    expect(answers.map((answer) => /"content":"(\d)"/.exec(answer)?.[1])).toEqual(["1", "2", "3"]);
    for (const answer of answers) expect(answer).toMatch(/data: \[DONE\]\n\n\r\n0\r\n\r\n$/);
  });
});
