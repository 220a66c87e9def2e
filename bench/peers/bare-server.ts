/**
 * `node bare-server.ts PORT [--two-processes]`: answers every request with a short stream, and does nothing else. What a client waits for
 * this one is what HTTP in Node costs at the least, on both ends of the connection; with a second process, which every request is sent
 * to and comes back from, also what it costs at the least to keep the engine in a process of its own.
 */
import { type ChildProcess, fork } from "node:child_process";
import { createServer, type ServerResponse } from "node:http";
import { fileURLToPath } from "node:url";

const FRAMES = [
  { choices: [{ index: 0, delta: { role: "assistant", content: "Hello" }, finish_reason: null }] },
  { choices: [{ index: 0, delta: {}, finish_reason: "length" }] },
  { choices: [], usage: { prompt_tokens: 1, completion_tokens: 1 } },
];
const BODY = `${FRAMES.map((frame) => `data: ${JSON.stringify(frame)}\n\n`).join("")}data: [DONE]\n\n`;

const [port, mode] = process.argv.slice(2);
if (mode === "--echo") {
  process.on("message", (message) => process.send?.(message));
} else {
  serve(Number(port), mode === "--two-processes" ? startEcho() : undefined);
}

function serve(portNumber: number, echo: ChildProcess | undefined): void {
  const waiting: ServerResponse[] = [];
  const answer = (response: ServerResponse | undefined) =>
    response?.writeHead(200, { "content-type": "text/event-stream" }).end(BODY);
  echo?.on("message", () => answer(waiting.shift()));
  createServer((request, response) => {
    const chunks: Buffer[] = [];
    request
      .on("data", (chunk: Buffer) => void chunks.push(chunk))
      .on("end", () => {
        if (echo === undefined) {
          answer(response);
        } else {
          waiting.push(response);
          echo.send(JSON.parse(`${Buffer.concat(chunks)}` || "{}"));
        }
      });
  }).listen(portNumber, "127.0.0.1");
}

function startEcho(): ChildProcess {
  return fork(fileURLToPath(import.meta.url), ["0", "--echo"], { serialization: "advanced" });
}
