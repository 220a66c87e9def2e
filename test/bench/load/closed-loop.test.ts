import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { createAnswerReader, runClosedLoop } from "../../../bench/load/closed-loop.ts";

const WHOLE = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHello";
const CHUNKED = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nHello\r\n0\r\n\r\n";

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
          response.end("Hello");
          if (seen.length === 100) stop.abort(new Error("enough"));
        });
    });
    const bodies = ["a", "b"].map((text) => Buffer.from(text));
    const loop = runClosedLoop({ url, bodies, connections: 4, durationMs: 60_000, signal: stop.signal });
    await expect(loop).rejects.toThrow();
    expect(most).toBeLessThanOrEqual(4);
    const ofA = seen.filter((body) => body === "a").length;
    expect(Math.abs(ofA - (seen.length - ofA))).toBeLessThanOrEqual(4);
  });

  it("counts what was answered within its time", async () => {
    const url = await serve((_, response) => void response.end("Hello"));
    const bodies = [Buffer.from("{}")];
    const { signal } = new AbortController();
    const { perSecond, latenciesMs } = await runClosedLoop({ url, bodies, connections: 2, durationMs: 20, signal });
    expect(latenciesMs.length).toBeGreaterThan(0);
    expect(perSecond).toBeGreaterThan(0);
  });

  it("fails where the server answers something else", async () => {
    const url = await serve((_, response) => void response.writeHead(500).end());
    const { signal } = new AbortController();
    const bodies = [Buffer.from("{}")];
    await expect(runClosedLoop({ url, bodies, connections: 1, durationMs: 1_000, signal })).rejects.toThrow("500");
  });
});
