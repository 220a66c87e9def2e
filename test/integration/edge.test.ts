import { once } from "node:events";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { z } from "zod";
import { events } from "./client.ts";
import { endAll, enginePidOf, runSluice, type SluiceProcess } from "./sluice-process.ts";

const STORY = [{ role: "user", content: "Write a very long story about a cat and a dog." }];
const requestLine = z.looseObject({
  clientGone: z.boolean().optional(),
  status: z.number(),
  clientRequestId: z.string().optional(),
  tokens: z.object({ prompt: z.number(), completion: z.number() }),
});

let folder: string;
let sluice: SluiceProcess;
let url: string;

function start(...args: string[]): SluiceProcess {
  return runSluice(
    ...["--model", inject("modelPath"), "--slots", "2", "--context", "1024", "--state-file", ":memory:"],
    ...args,
  );
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "sluice-edge-"));
  sluice = start(
    "--aliases",
    `gpt-4o=${basename(inject("modelPath"), ".gguf")}`,
    "--unknown-model",
    "default",
    "--allowed-hosts",
    "llm.example",
  );
  url = await sluice.ready;
});

afterAll(async () => {
  await endAll();
  await rm(folder, { recursive: true });
});

/** A chat completion with a chosen `Host` header, which `fetch` can't set. */
async function chatAt(host: string, body: object): Promise<number> {
  const { hostname, port } = new URL(url);
  const client = request({ hostname, port, path: "/chat/completions", method: "POST", headers: { host } });
  client.end(JSON.stringify({ messages: STORY, max_tokens: 1, ...body }));
  const [response] = await once(client, "response");
  response.resume();
  await once(response, "end");
  return response.statusCode;
}

/** The log line of the request with this client request id. */
async function lineOf(id: string): Promise<z.infer<typeof requestLine>> {
  await sluice.says(`"clientRequestId":"${id}"`);
  const line = sluice.log().find((each) => "clientRequestId" in each && each.clientRequestId === id);
  return requestLine.parse(line);
}

describe("a gateway without keys", () => {
  test("answers under its own and allowed names, for any model name, without a content type", async () => {
    expect(await chatAt("localhost:1", {})).toBe(200);
    expect(await chatAt("llm.example", { model: "gpt-4o" })).toBe(200);
    expect(await chatAt("127.0.0.1", { model: "claude-haiku" })).toBe(200);
    expect(await chatAt("evil.example", {})).toBe(403);
  });

  test.each([
    ["a stream", true],
    ["a whole answer", false],
  ])("counts what it drew for a client that left %s", async (_, stream) => {
    const leaving = new AbortController();
    const id = stream ? "left-a-stream" : "left-a-whole-answer";
    const answer = fetch(`${url}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-client-request-id": id },
      body: JSON.stringify({ messages: STORY, stream, temperature: 0.7, logit_bias: { "2": -100, "0": -100 } }),
      signal: leaving.signal,
    });
    const beside = await fetch(`${url}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ messages: STORY, stream: true, max_tokens: 40, temperature: 0.7 }),
    });
    // The other request takes turns with it, so by its end the first has run too.
    for await (const event of events(beside)) void event;
    leaving.abort();
    await Promise.allSettled([answer]);
    const { status, clientGone, tokens } = await lineOf(id);
    expect({ status, clientGone }).toEqual({ status: stream ? 200 : 499, clientGone: true });
    expect(tokens.prompt).toBeGreaterThan(10);
    expect(tokens.completion).toBeGreaterThan(10);
  });
});

test("a killed engine's stored prefixes are removed when the next engine starts", async () => {
  const before = process.env.TMPDIR;
  process.env.TMPDIR = folder;
  try {
    const killed = start();
    await killed.ready;
    const folders = async () => (await readdir(folder)).filter((name) => name.startsWith("sluice-prefixes-"));
    const [left] = await folders();
    expect(left).toBeDefined();
    process.kill(enginePidOf(killed), "SIGKILL");
    await killed.says("the engine is ready again");
    expect(await folders()).toHaveLength(1);
    expect(await folders()).not.toContain(left);
    killed.kill("SIGTERM");
    await killed.ended;
    expect(await folders()).toEqual([]);
  } finally {
    if (before === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = before;
  }
});
