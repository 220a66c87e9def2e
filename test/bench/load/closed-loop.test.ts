import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { createAnswerReader, type Question, runClosedLoop } from "../../../bench/load/closed-loop.ts";

const HELLO = '{"choices":[{"message":{"content":"Hello"}}]}';
const WHOLE = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHello";
const CHUNKED = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nHe\r\n3\r\nllo\r\n0\r\n\r\n";

function ask(text: string, ...bodies: readonly string[]): Question[] {
  return bodies.map((body) => ({ body: Buffer.from(body), text }));
}

/** After which byte the answer is taken to have ended, when it comes in pieces of `size` bytes. */
function endOf(answer: string, size: number): number | undefined {
  const reader = createAnswerReader();
  for (let at = 0; at < answer.length; at += size) {
    if (reader.read(Buffer.from(answer.slice(at, at + size)))) return Math.min(at + size, answer.length);
  }
  return undefined;
}

async function serve(answer: RequestListener): Promise<URL> {
  const server = createServer(answer).listen(0, "127.0.0.1");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return new URL(`http://127.0.0.1:${port}/v1`);
}

describe("createAnswerReader", () => {
  it("finds an answer's end wherever it is cut", () => {
    for (const answer of [WHOLE, CHUNKED]) {
      for (let size = 1; size <= answer.length; size++) expect(endOf(answer, size)).toBe(answer.length);
    }
  });

  it("gives the body, without the sizes of chunks", () => {
    for (const answer of [WHOLE, CHUNKED]) {
      for (let size = 1; size <= answer.length; size++) {
        const reader = createAnswerReader();
        for (let at = 0; at < answer.length; at += size) reader.read(Buffer.from(answer.slice(at, at + size)));
        expect(reader.body()).toBe("Hello");
      }
    }
  });

  it("waits for the rest", () => {
    for (const answer of [WHOLE, CHUNKED]) expect(endOf(answer.slice(0, -1), 7)).toBeUndefined();
  });

  it("takes no other status", () => {
    const read = () => createAnswerReader().read(Buffer.from("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"));
    expect(read).toThrow("503 Busy");
  });
});

describe("runClosedLoop", () => {
  it("has one request on each connection at a time, and lets the bodies take turns", async () => {
    const seen: string[] = [];
    let [now, most] = [0, 0];
    const stop = new AbortController();
    const url = await serve((request, response) => {
      most = Math.max(most, ++now);
      request
        .on("data", (bytes) => seen.push(String(bytes)))
        .on("end", () => {
          now -= 1;
          response.end(HELLO);
          if (seen.length === 100) stop.abort(new Error("enough"));
        });
    });
    const questions = ask("Hello", "a", "b");
    const loop = runClosedLoop({ url, questions, connections: 4, durationMs: 60_000, signal: stop.signal });
    await expect(loop).rejects.toThrow();
    expect(most).toBeLessThanOrEqual(4);
    const ofA = seen.filter((body) => body === "a").length;
    expect(Math.abs(ofA - (seen.length - ofA))).toBeLessThanOrEqual(4);
  });

  it("counts what was answered within its time", async () => {
    const url = await serve((_, response) => void response.end(HELLO));
    const questions = ask("Hello", "{}");
    const { signal } = new AbortController();
    const { perSecond, latenciesMs } = await runClosedLoop({ url, questions, connections: 2, durationMs: 20, signal });
    expect(latenciesMs.length).toBeGreaterThan(0);
    expect(perSecond).toBeGreaterThan(0);
  });

  it("takes a stream's text from all its events", async () => {
    const url = await serve((_, response) => {
      for (const piece of ["Hel", "lo"]) response.write(`data: {"choices":[{"delta":{"content":"${piece}"}}]}\n\n`);
      response.end("data: [DONE]\n\n");
    });
    const { signal } = new AbortController();
    const questions = ask("Hello", "{}");
    const { latenciesMs } = await runClosedLoop({ url, questions, connections: 1, durationMs: 20, signal });
    expect(latenciesMs.length).toBeGreaterThan(0);
  });

  it.each([
    ["another status", 500, HELLO, "500"],
    ["another status that is no failure", 202, HELLO, "202"],
    ["another text", 200, HELLO.replace("Hello", "Hell"), "another text"],
    ["an error with status 200", 200, '{"error":{"message":"Hello"}}', "another text"],
    ["nothing", 200, "", "another text"],
  ])("fails when one answer is %s", async (_, status, body, words) => {
    let answers = 0;
    const url = await serve((_, response) => {
      const isThird = ++answers === 3;
      response.writeHead(isThird ? status : 200).end(isThird ? body : HELLO);
    });
    const { signal } = new AbortController();
    const questions = ask("Hello", "{}");
    const loop = runClosedLoop({ url, questions, connections: 1, durationMs: 60_000, signal });
    await expect(loop).rejects.toThrow(words);
  });
});
