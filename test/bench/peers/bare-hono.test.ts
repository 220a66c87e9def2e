import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { LEXICON } from "../../../bench/load/text.ts";
import { type CachingServer, startBareHono } from "../../../bench/peers/caching.ts";
import { SLUICE_HEAD, streamedAnswer, wholeAnswer } from "../../../bench/peers/mock-answer.ts";
import { writePrompts } from "../../../bench/workloads/cache/prompts.ts";

const folder = mkdtempSync(join(tmpdir(), "sluice-bare-hono-"));
const prompts = writePrompts({ model: "m", lexicon: LEXICON, endTokens: [2], seed: 1, mixedCount: 2 });
let server: CachingServer;

beforeAll(async () => {
  const logFile = (name: string) => join(folder, name);
  const shared = { modelPath: "", modelId: "m", threads: 1, gpu: "off", logFile } as const;
  server = await startBareHono(shared, AbortSignal.timeout(30_000));
}, 30_000);

afterAll(async () => {
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function ask(body: string | Buffer) {
  const url = new URL("/v1/chat/completions", server.url);
  const headers = { "content-type": "application/json" };
  const response = await fetch(url, { method: "POST", headers, body: body.toString() });
  return { status: response.status, text: await response.text() };
}

test("it answers the benchmark's requests with its fixed text", async () => {
  for (const body of [prompts.whole, ...prompts.mixed]) {
    expect(await ask(body)).toEqual({ status: 200, text: wholeAnswer(undefined, SLUICE_HEAD) });
  }
  expect(await ask(prompts.streamed)).toEqual({ status: 200, text: streamedAnswer(undefined, SLUICE_HEAD) });
});

test("it checks what it was sent", async () => {
  const request = JSON.parse(prompts.whole.toString());
  const wrong = [{ messages: "Hello" }, { temperature: "hot" }, { logit_bias: { 2: "no" } }];
  for (const fields of wrong) {
    const { status, text } = await ask(JSON.stringify({ ...request, ...fields }));
    expect(status).toBe(400);
    expect(text).toContain(Object.keys(fields)[0]);
  }
  expect((await ask("{")).status).toBe(400);
});
