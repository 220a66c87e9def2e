/**
 * `node bare-hono.ts PORT`: reads, parses and checks the body of a chat completion as Sluice does, and answers with a fixed text of the length
 * of a usual answer. What a hit costs beyond this is what keys, the store, encoding, headers and the access log take.
 */
import { serve } from "@hono/node-server";
import { Hono } from "hono";
import { chatRequestSchema } from "../../src/protocols/chat/schema.ts";
import { parseWire } from "../../src/protocols/issue.ts";
import { streamedAnswer, wholeAnswer } from "./mock-answer.ts";

/** As Sluice writes it, so that both send about the same number of bytes. */
const HEAD = {
  ...{ id: "chatcmpl-0123456789abcdef0123456789abc", created: 1_750_000_000, model: "smollm2-135m-instruct" },
  ...{ service_tier: "default", system_fingerprint: "fp_0123456789", usage: null },
};
const WHOLE = wholeAnswer(undefined, HEAD);
const STREAMED = streamedAnswer(undefined, HEAD);

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
