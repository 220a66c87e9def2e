/**
 * `node mock-upstream.ts PORT [MS]`: answers every chat completion at once, or after so many ms, with as many tokens as were asked for. A stream whose question begins with
 * `pace=MS` has so many ms between two tokens. `GET /count` tells how often it was asked: what a gateway in front of it did not answer from its
 * cache.
 */
import { createServer, type ServerResponse } from "node:http";
import { streamedAnswer, streamedFrames, wholeAnswer } from "./mock-answer.ts";

const [port, delay = "0"] = process.argv.slice(2);
let count = 0;

function afterDelay(send: () => void): void {
  if (delay === "0") send();
  else setTimeout(send, Number(delay));
}

createServer((request, response) => {
  if (request.method === "GET") {
    const isList = request.url === "/v1/models";
    response.end(isList ? JSON.stringify({ object: "list", data: [] }) : String(count));
    return;
  }
  const chunks: Buffer[] = [];
  request
    .on("data", (chunk: Buffer) => void chunks.push(chunk))
    .on("end", () => {
      count += 1;
      const { stream, max_tokens: tokens, messages } = JSON.parse(Buffer.concat(chunks).toString());
      const type = stream === true ? "text/event-stream" : "application/json";
      response.writeHead(200, { "content-type": type });
      const pace = /^pace=(\d+)/.exec(String(messages?.at(-1)?.content));
      const answer = stream === true ? streamedAnswer(tokens) : wholeAnswer(tokens);
      if (stream !== true || pace === null) afterDelay(() => response.end(answer));
      else sendSlowly(response, streamedFrames(tokens), Number(pace[1]));
    });
}).listen({ port: Number(port), host: "127.0.0.1", backlog: 4_096 });

function sendSlowly(response: ServerResponse, frames: readonly string[], paceMs: number): void {
  let sent = 0;
  const next = () => {
    response.write(frames[sent++]);
    if (sent < frames.length) return;
    clearInterval(timer);
    response.end();
  };
  const timer = setInterval(next, paceMs);
  response.on("close", () => clearInterval(timer));
  next();
}
