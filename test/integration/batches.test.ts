import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import OpenAI, { toFile } from "openai";
import { afterAll, describe, expect, test, vi } from "vitest";
import { batchResult } from "../fixtures/openai/batches.ts";
import { endAll, runSluice } from "./sluice-process.ts";

const folder = mkdtempSync(join(tmpdir(), "sluice-batches-"));
const LINES = 24;

afterAll(async () => {
  await endAll();
  rmSync(folder, { recursive: true });
});

const input = Array.from({ length: LINES }, (_, n) => ({
  custom_id: `line-${n}`,
  method: "POST",
  url: "/v1/chat/completions",
  body: {
    model: "smollm2-135m-instruct",
    messages: [{ role: "user", content: `Tell me about the number ${n}.` }],
    temperature: 0,
    max_tokens: 8,
  },
}));

async function start() {
  const sluice = runSluice("--state-file", join(folder, "state.db"), "--slots", "2", "--cache-bytes", "0");
  const url = await sluice.ready;
  return { sluice, client: new OpenAI({ baseURL: `${url}/v1`, apiKey: "none", maxRetries: 0 }) };
}

/** Waits until a batch is as wished. */
async function until(client: OpenAI, id: string, isSo: (batch: OpenAI.Batch) => boolean): Promise<OpenAI.Batch> {
  return vi.waitFor(
    async () => {
      const batch = await client.batches.retrieve(id);
      expect(isSo(batch), batch.status).toBe(true);
      return batch;
    },
    { timeout: 100_000 },
  );
}

async function create(client: OpenAI): Promise<string> {
  const text = input.map((line) => JSON.stringify(line)).join("\n");
  const file = await client.files.create({ file: await toFile(Buffer.from(text), "in.jsonl"), purpose: "batch" });
  const endpoint = "/v1/chat/completions";
  return (await client.batches.create({ input_file_id: file.id, endpoint, completion_window: "24h" })).id;
}

/** The answers of a batch, by the ids of its lines. Throws if a line has two. */
async function answersOf(client: OpenAI, id: string): Promise<ReadonlyMap<string, string>> {
  const batch = await until(client, id, ({ status }) => status === "completed");
  const text = await (await client.files.content(batch.output_file_id ?? "")).text();
  const answers = new Map<string, string>();
  for (const line of text.trimEnd().split("\n")) {
    const { custom_id, response } = batchResult.parse(JSON.parse(line));
    if (answers.has(custom_id)) throw new Error(`${custom_id} has two results.`);
    answers.set(custom_id, JSON.stringify(Object(response?.body).choices));
  }
  return answers;
}

describe("a batch of the official openai package", () => {
  test("goes on after a kill -9 of the gateway, with the same answers, each once", async () => {
    const first = await start();
    const id = await create(first.client);
    await until(first.client, id, ({ request_counts: counts }) => (counts?.completed ?? 0) >= 4);
    first.sluice.kill("SIGKILL");
    await first.sluice.ended;

    const second = await start();
    const resumed = await second.client.batches.retrieve(id);
    expect(resumed.request_counts?.completed).toBeGreaterThanOrEqual(4);
    const answers = await answersOf(second.client, id);
    expect([...answers.keys()].toSorted()).toEqual(input.map(({ custom_id }) => custom_id).toSorted());

    const undisturbed = await answersOf(second.client, await create(second.client));
    expect(Object.fromEntries(answers)).toEqual(Object.fromEntries(undisturbed));
    second.sluice.kill("SIGTERM");
    expect((await second.sluice.ended).code).toBe(0);
  });
});
