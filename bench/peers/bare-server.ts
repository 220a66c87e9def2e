/**
 * `node bare-server.ts PORT`: answers every request at once with a short stream, and does nothing else. What a client waits for this one
 * is what HTTP in Node costs at the least, on both ends of the connection.
 */
import { createServer } from "node:http";

const FRAMES = [
  { choices: [{ index: 0, delta: { role: "assistant", content: "Hello" }, finish_reason: null }] },
  { choices: [{ index: 0, delta: {}, finish_reason: "length" }] },
  { choices: [], usage: { prompt_tokens: 1, completion_tokens: 1 } },
];
const BODY = `${FRAMES.map((frame) => `data: ${JSON.stringify(frame)}\n\n`).join("")}data: [DONE]\n\n`;

createServer((request, response) => {
  request.resume().on("end", () => response.writeHead(200, { "content-type": "text/event-stream" }).end(BODY));
}).listen(Number(process.argv[2]), "127.0.0.1");
