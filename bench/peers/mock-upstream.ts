/**
 * `node mock-upstream.ts PORT`: answers every chat completion at once, with as many tokens as were asked for. `GET /count` tells how often:
 * what a gateway in front of it did not answer from its cache.
 */
import { createServer } from "node:http";
import { streamedAnswer, wholeAnswer } from "./mock-answer.ts";

let count = 0;

createServer((request, response) => {
  if (request.method === "GET") {
    response.end(String(count));
    return;
  }
  const chunks: Buffer[] = [];
  request
    .on("data", (chunk: Buffer) => void chunks.push(chunk))
    .on("end", () => {
      count += 1;
      const { stream, max_tokens: tokens } = JSON.parse(Buffer.concat(chunks).toString());
      const type = stream === true ? "text/event-stream" : "application/json";
      response.writeHead(200, { "content-type": type });
      response.end(stream === true ? streamedAnswer(tokens) : wholeAnswer(tokens));
    });
}).listen(Number(process.argv[2]), "127.0.0.1");
