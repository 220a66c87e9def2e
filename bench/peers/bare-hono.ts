/**
 * `node bare-hono.ts PORT`: reads, parses and checks the body of a chat completion as Sluice does, and answers with a fixed text of the length
 * of a usual answer. What a hit costs beyond this is what keys, the store, encoding, headers and the access log take.
 */
import { serve } from "@hono/node-server";
import { Hono } from "hono";
import { chatRequestSchema } from "../../src/protocols/chat/schema.ts";
import { parseWire } from "../../src/protocols/issue.ts";
import { SLUICE_HEAD, streamedAnswer, wholeAnswer } from "./mock-answer.ts";

const WHOLE = wholeAnswer(undefined, SLUICE_HEAD);
const STREAMED = streamedAnswer(undefined, SLUICE_HEAD);

const app = new Hono();
app.get("/", (c) => c.text("ready"));
app.post("/v1/chat/completions", async (c) => {
  const { stream } = parseWire(chatRequestSchema, await c.req.json());
  return stream === true
    ? c.body(STREAMED, 200, { "content-type": "text/event-stream" })
    : c.body(WHOLE, 200, { "content-type": "application/json" });
});
app.onError((error, c) => c.text(error.message, 400));
serve({ fetch: app.fetch, port: Number(process.argv[2]), hostname: "127.0.0.1" });
