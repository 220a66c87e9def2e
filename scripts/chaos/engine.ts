/** `node engine.ts`: a model server that says the numbers from 0 on, and goes on with what a message has begun. */
import { createServer } from "node:http";

const TOKENS = 20;
const TOKEN_MS = 25;
const PORT = 8_000;

createServer((request, response) => {
  if (request.method === "GET") {
    const isList = request.url?.endsWith("/models") === true;
    response.writeHead(request.url === "/metrics" ? 404 : 200, { "content-type": "application/json" });
    response.end(JSON.stringify(isList ? { object: "list", data: [{ id: "m" }] } : {}));
    return;
  }
  const pieces: Buffer[] = [];
  request.on("data", (piece: Buffer) => void pieces.push(piece));
  request.on("end", () => {
    const { messages } = JSON.parse(Buffer.concat(pieces).toString());
    const last = messages.at(-1);
    let said = last.role === "assistant" ? String(last.content).split(" ").filter(Boolean).length : 0;
    const id = String(messages.findLast(({ role }: { readonly role: string }) => role === "user").content);
    response.writeHead(200, { "content-type": "text/event-stream" });
    const send = (delta: object, reason: string | null = null) =>
      response.write(
        `data: ${JSON.stringify({ id: "x", object: "chat.completion.chunk", created: 1, model: "m", choices: [{ index: 0, delta, finish_reason: reason }] })}\n\n`,
      );
    const timer = setInterval(() => {
      if (said < TOKENS) {
        send({ content: `${said} ` });
        said += 1;
        return;
      }
      clearInterval(timer);
      send({}, "stop");
      response.end("data: [DONE]\n\n");
      // Only whole answers are told.
      process.stdout.write(`${id}\n`);
    }, TOKEN_MS);
    response.on("close", () => clearInterval(timer));
  });
}).listen(PORT, "0.0.0.0");
