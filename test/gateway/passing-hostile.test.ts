import type { AddressInfo } from "node:net";
import { createServer, type Server, type Socket } from "node:net";
import { gzipSync } from "node:zlib";
import { pino } from "pino";
import { afterEach, describe, expect, it } from "vitest";
import { loadConfig } from "../../src/config/load.ts";
import { createGateway } from "../../src/gateway/gateway.ts";

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

/** Writes an answer byte by byte, as no HTTP library would. Returns after which the connection is left open. */
type Answer = (socket: Socket) => void | Promise<void>;

const LIST = '{"object":"list","data":[{"id":"theirs"}]}';

/** A gateway in front of a server that answers each POST so. */
async function open(answer: Answer, more = "") {
  let posts = 0;
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {}).on("close", () => sockets.delete(socket));
    socket.on("data", (bytes) => {
      const head = bytes.toString("latin1");
      if (head.startsWith("GET"))
        socket.write(
          `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${LIST.length}\r\n\r\n${LIST}`,
        );
      else if (head.startsWith("POST")) {
        posts += 1;
        void answer(socket);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  ends.push(
    () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  );
  const text = `upstreams:\n  there: { baseUrl: "http://127.0.0.1:${port}", models: { ours: theirs }, timeouts: { firstByteMs: 300, betweenEventsMs: 300 }${more} }\nstateFile: ":memory:"\nwarmPresets: false\n`;
  const { config } = loadConfig({
    ...{ flags: { config: "sluice.yaml" }, env: {}, cwd: "/nowhere" },
    readFile: () => new TextEncoder().encode(text),
  });
  const gateway = await createGateway({ config, models: [], logger: pino({ level: "silent" }) });
  ends.push(gateway.stop);
  await gateway.start();
  return {
    posts: () => posts,
    async ask(body: object = {}) {
      const answered = await gateway.app.request("/v1/chat/completions", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ model: "ours", messages: [{ role: "user", content: "Hi" }], ...body }),
      });
      return { status: answered.status, text: await answered.text() };
    },
  };
}

const HEAD = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

function chunked(text: string | Buffer): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from("\r\n")]);
}

const frame = (content: string, reason: string | null = null) =>
  `data: ${JSON.stringify({ id: "x", model: "theirs", choices: [{ index: 0, delta: { content }, finish_reason: reason }] })}\n\n`;
const END = "data: [DONE]\n\n";

function contents(text: string): string {
  return [...text.matchAll(/"content":"((?:[^"\\]|\\.)*)"/g)].map(([, content]) => content).join("");
}

describe("a stream that is passed on", () => {
  it("comes whole in one byte at a time, with trailers after its last chunk", async () => {
    const { ask } = await open(async (socket) => {
      socket.setNoDelay(true);
      socket.write(HEAD);
      for (const byte of Buffer.from(frame("Grüße, 世界 🌊") + frame("", "stop") + END)) {
        socket.write(chunked(Buffer.from([byte])));
        if (byte % 16 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      socket.write("0\r\nx-checksum: 1\r\nmodel: secret\r\n\r\n");
    });
    const { text } = await ask({ stream: true });
    expect(contents(text)).toBe("Grüße, 世界 🌊");
    expect(text.endsWith(END)).toBe(true);
    expect(text).not.toContain("error");
  });

  it("ends at the end of the connection in HTTP/1.0", async () => {
    const { ask } = await open((socket) => {
      socket.end(
        `HTTP/1.0 200 OK\r\ncontent-type: text/event-stream\r\n\r\n${frame("Hello")}${frame("", "stop")}${END}`,
      );
    });
    const { text } = await ask({ stream: true });
    expect(contents(text)).toBe("Hello");
    expect(text.endsWith(END)).toBe(true);
  });

  it("keeps its form where it holds no valid UTF-8", async () => {
    const [before = "", after = ""] = frame("|").split("|");
    const { ask } = await open((socket) => {
      const bytes = Buffer.concat([Buffer.from(before), Buffer.from([0xff, 0xc3, 0x28]), Buffer.from(after)]);
      socket.write(Buffer.concat([Buffer.from(HEAD), chunked(bytes), chunked(frame("", "stop") + END)]));
      socket.write("0\r\n\r\n");
    });
    const { text } = await ask({ stream: true });
    expect(contents(text)).toBe("\ufffd\ufffd(");
  });

  it("fails where nothing comes between two events for too long, or nothing at all", async () => {
    const hang = await open((socket) => void socket.write(HEAD));
    expect((await hang.ask({ stream: true })).status).toBe(504);
    const stop = await open((socket) => void socket.write(Buffer.concat([Buffer.from(HEAD), chunked(frame("Hel"))])));
    const { text } = await stop.ask({ stream: true });
    expect(contents(text)).toBe("Hel");
    expect(text).toContain("stopped in the middle");
    expect(text).not.toContain("[DONE]");
  });

  it("fails for an event that is too long, and keeps no more of it", async () => {
    const piece = chunked("x".repeat(1024 * 1024));
    const { ask } = await open((socket) => {
      socket.write(Buffer.concat([Buffer.from(HEAD), chunked(frame("Hel")), chunked('data: {"a":"')]));
      for (let count = 0; count < 20; count++) socket.write(piece);
    });
    const { text } = await ask({ stream: true });
    expect(contents(text)).toBe("Hel");
    expect(text).toContain("an event of more than");
    expect(text.length).toBeLessThan(10_000);
  });

  it.each([
    ["negative", { prompt_tokens: -1, completion_tokens: -1 }],
    ["absurd", { prompt_tokens: 1e300, completion_tokens: 1e300 }],
    ["no numbers", { prompt_tokens: {}, completion_tokens: "many" }],
    ["a text", "much"],
  ])("is answered where its usage is %s", async (_, usage) => {
    const last = `data: ${JSON.stringify({ id: "x", model: "theirs", choices: [], usage })}\n\n`;
    const { ask } = await open((socket) => {
      socket.write(Buffer.concat([Buffer.from(HEAD), chunked(frame("Hello") + frame("", "stop") + last + END)]));
      socket.write("0\r\n\r\n");
    });
    const { text } = await ask({ stream: true });
    expect(contents(text)).toBe("Hello");
    expect(text.endsWith(END)).toBe(true);
  });

  it("fails where the answer is packed, which was not asked for", async () => {
    const packed = gzipSync(Buffer.alloc(50 * 1024 * 1024));
    for (const type of ["text/event-stream", "application/json"]) {
      const { ask } = await open((socket) => {
        socket.write(
          `HTTP/1.1 200 OK\r\ncontent-type: ${type}\r\ncontent-encoding: gzip\r\ncontent-length: ${packed.length}\r\n\r\n`,
        );
        socket.write(packed);
      });
      const { status, text } = await ask({ stream: type === "text/event-stream" });
      expect(status).toBe(502);
      expect(text).toContain("compressed");
    }
  });

  it("goes nowhere else where the server redirects", async () => {
    const { ask, posts } = await open((socket) => {
      socket.write("HTTP/1.1 307 Temporary Redirect\r\nlocation: http://127.0.0.1:1/v1\r\ncontent-length: 0\r\n\r\n");
    });
    const { status, text } = await ask();
    expect(status).toBe(502);
    expect(text).toContain("redirect");
    expect(text).not.toContain("127.0.0.1");
    expect(posts()).toBeLessThanOrEqual(3);
  });
});

describe("an answer that is passed on whole", () => {
  const ANSWER = {
    id: "x",
    model: "theirs",
    choices: [{ index: 0, message: { content: "Hello" }, finish_reason: "stop" }],
  };
  const whole = (body: string, length = Buffer.byteLength(body)) =>
    `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n\r\n${body}`;

  it.each([
    ["is cut", (socket: Socket) => void socket.end(whole(JSON.stringify(ANSWER).slice(0, 40), 200))],
    ["is no JSON", (socket: Socket) => void socket.write(whole("<html>no</html>"))],
    ["is another JSON", (socket: Socket) => void socket.write(whole('["Hello"]'))],
    ["has no choices", (socket: Socket) => void socket.write(whole('{"choices":[]}'))],
    ["is an error with status 200", (socket: Socket) => void socket.write(whole('{"error":{"message":"no"}}'))],
  ])("fails if it %s, and is asked for at most three times", async (_, answer) => {
    const { ask, posts } = await open(answer);
    const { status, text } = await ask();
    expect(status).toBeGreaterThanOrEqual(400);
    expect(JSON.parse(text)).toMatchObject({ error: { message: expect.any(String) } });
    expect(posts()).toBeLessThanOrEqual(3);
  });

  it("is given without usage too, and counted by an estimate", async () => {
    const { ask } = await open((socket) => void socket.write(whole(JSON.stringify(ANSWER))));
    expect(JSON.parse((await ask()).text)).toMatchObject({ choices: ANSWER.choices, model: "ours" });
  });

  it("is refused for a while after a storm of errors, and asks the server no more", async () => {
    const { ask, posts } = await open((socket) => void socket.write("HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n"));
    for (let count = 0; count < 20; count++) await ask();
    const before = posts();
    expect((await ask()).status).toBe(503);
    expect(posts()).toBe(before);
    expect(before).toBeLessThan(40);
  });
});
