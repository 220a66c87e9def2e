import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { writeAdapter } from "../models/support/adapter-writer.ts";
import type { Completion } from "./client.ts";
import { endAll, runSluice } from "./sluice-process.ts";

const SMALL = "smollm2-135m-instruct";
/** A matrix of SmolLM2 135M. */
const TENSOR = { name: "blk.10.ffn_down.weight", from: 1536, to: 576 };

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "sluice-adapters-"));
  await writeFile(join(folder, "zero.gguf"), writeAdapter([{ ...TENSOR, value: 0 }]));
  await writeFile(join(folder, "some.gguf"), writeAdapter([{ ...TENSOR, value: 0.8 }]));
  await writeFile(join(folder, "misfit.gguf"), writeAdapter([{ ...TENSOR, from: 32, value: 1 }]));
});
afterEach(endAll);
afterAll(() => rm(folder, { recursive: true }));

const adapter = (name: string) => ["--adapter", `smollm2+${name}=${join(folder, `${name}.gguf`)}`];

async function start(...names: string[]) {
  const flags = ["--context", "512", "--slots", "1", "--state-file", join(folder, "state.db"), "--keep-prefixes"];
  const sluice = runSluice(...flags, ...names.flatMap(adapter));
  return { sluice, url: await sluice.ready };
}

async function ask(url: string, path: string, body: object) {
  const response = await fetch(`${url}/v1/${path}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const answer = Object(await response.json());
  return { status: response.status, cache: response.headers.get("cache-status"), answer };
}

const QUESTION = {
  role: "user",
  content: "Tell me about the sea, the ships and the people who sail on them. ".repeat(8),
};

async function chat(url: string, model: string) {
  const { status, cache, answer } = await ask(url, "chat/completions", {
    ...{ model, messages: [QUESTION], max_tokens: 24, temperature: 0, seed: 1 },
  });
  expect(status).toBe(200);
  const { choices, usage } = answer as Completion;
  const cachedTokens = usage.prompt_tokens_details.cached_tokens;
  return { text: choices[0]?.message.content, cachedTokens, cache };
}

test("adapters are models of their own: listed with their parent, loaded by their first request, and apart in the caches", async () => {
  const { sluice, url } = await start("zero", "some");
  const { data } = Object(await (await fetch(`${url}/v1/models`)).json());
  const listed = new Map<string, { parent?: string; state: string }>(
    data.map((each: { id: string }) => [each.id, each]),
  );
  expect(listed.get(SMALL)).not.toHaveProperty("parent");
  expect(listed.get(`${SMALL}+zero`)).toMatchObject({ parent: SMALL, state: "unloaded" });

  const base = await chat(url, SMALL);
  const zero = await chat(url, `${SMALL}+zero`);
  const some = await chat(url, "smollm2+some");
  expect(zero.text).toBe(base.text);
  expect(some.text).not.toBe(base.text);
  // Nothing that one has evaluated or answered is another's. What an adapter answers is stored once it has loaded.
  for (const { cachedTokens } of [base, zero, some]) expect(cachedTokens).toBe(0);
  expect(await chat(url, SMALL)).toMatchObject({ text: base.text, cache: expect.stringContaining("hit") });
  expect(await chat(url, `${SMALL}+some`)).toMatchObject({ text: some.text, cache: expect.stringContaining("stored") });
  expect(await chat(url, `${SMALL}+some`)).toMatchObject({ text: some.text, cache: expect.stringContaining("hit") });
  expect(await chat(url, `${SMALL}+zero`)).toMatchObject({ text: base.text, cache: expect.stringContaining("stored") });

  const vectorOf = async (model: string) =>
    (await ask(url, "embeddings", { model, input: "A ship" })).answer.data[0].embedding;
  const vector = await vectorOf(SMALL);
  expect(await vectorOf(`${SMALL}+zero`)).toEqual(vector);
  expect(await vectorOf(`${SMALL}+some`)).not.toEqual(vector);
  sluice.kill("SIGTERM");
  expect((await sluice.ended).code).toBe(0);
});

test("an adapter whose file was replaced uses nothing that was kept of the old one", async () => {
  const first = await start("some");
  const before = await chat(first.url, `${SMALL}+some`);
  first.sluice.kill("SIGTERM");
  await first.sluice.ended;

  const again = await start("some");
  const kept = await chat(again.url, `${SMALL}+some`);
  expect(kept.text).toBe(before.text);
  expect(kept.cachedTokens).toBeGreaterThan(0);
  again.sluice.kill("SIGTERM");
  await again.sluice.ended;

  await writeFile(join(folder, "some.gguf"), writeAdapter([{ ...TENSOR, value: 0.9 }]));
  const replaced = await start("some");
  expect((await chat(replaced.url, `${SMALL}+some`)).cachedTokens).toBe(0);
  replaced.sluice.kill("SIGTERM");
  await replaced.sluice.ended;
});

test("an adapter that doesn't fit its model fails alone, and one that is none keeps the gateway from starting", async () => {
  const { sluice, url } = await start("misfit");
  const refused = await ask(url, "chat/completions", { model: `${SMALL}+misfit`, messages: [QUESTION], max_tokens: 1 });
  expect([refused.status, refused.answer.error.message]).toEqual([503, expect.stringContaining("could not be loaded")]);
  expect((await chat(url, SMALL)).text).not.toBe("");
  sluice.kill("SIGTERM");
  await sluice.ended;

  const wrong = runSluice("--adapter", `smollm2+none=${join(folder, "none.gguf")}`);
  expect((await wrong.ended).code).toBe(1);
  expect(wrong.stderr()).toContain("none.gguf");
});
