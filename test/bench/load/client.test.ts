import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { createClient } from "../../../bench/load/client.ts";

const USAGE = { choices: [], usage: { prompt_tokens: 76, completion_tokens: 1 } };
const text = (content: string) => ({ choices: [{ delta: { content }, finish_reason: null }] });

/** What a client makes of a stream with these frames. */
async function read(...frames: readonly (object | "[DONE]")[]) {
  const events = frames.map((frame) => `data: ${frame === "[DONE]" ? frame : JSON.stringify(frame)}\n\n`);
  const server = createServer((_, response) => void response.end(events.join(""))).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const client = createClient(`http://127.0.0.1:${port}`);
  onTestFinished(() => {
    client.close();
    server.close();
  });
  return client.stream("/", {}, { signal: new AbortController().signal });
}

test("a whole stream has its text and what the server counted", async () => {
  const reply = await read(text("Hel"), text("lo"), USAGE, "[DONE]");
  expect(reply).toMatchObject({ text: "Hello", promptTokens: 76, completionTokens: 1 });
});

test("a stream without its end or its counts ended too early", async () => {
  await expect(read(text("Hello"), USAGE)).rejects.toThrow("too early: 1 texts");
  await expect(read(text("Hello"), "[DONE]")).rejects.toThrow("too early: 1 texts");
});

test("a token that is a part of a character makes no text, which is said", async () => {
  await expect(read(text(""), USAGE, "[DONE]")).rejects.toThrow("tokens that make no text");
});
