import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import OpenAI, { toFile } from "openai";
import { afterAll, describe, expect, test, vi } from "vitest";
import { batchResult } from "../fixtures/openai/batches.ts";
import { endAll, runSluice } from "./sluice-process.ts";

const folder = mkdtempSync(join(tmpdir(), "sluice-upstream-batches-"));
const LINES = 40;

afterAll(async () => {
  await endAll();
  rmSync(folder, { recursive: true });
});

function clientOf(url: string): OpenAI {
  return new OpenAI({ baseURL: `${url}/v1`, apiKey: "none", maxRetries: 0 });
}

/** A gateway without a model, in front of that one. Each has a folder for its state: files lie beside it, and one gateway runs the batches there. */
function startFront(upstreamUrl: string) {
  const file = join(folder, "front.yaml");
  const upstream = `{ kind: sluice, baseUrl: "${upstreamUrl}", batch: true, models: [smollm2-135m-instruct] }`;
  writeFileSync(file, `upstreams:\n  there: ${upstream}\n`);
  return runSluice("--config", file, "--state-file", join(folder, "front", "state.db"));
}

async function create(client: OpenAI): Promise<string> {
  const text = Array.from({ length: LINES }, (_, n) =>
    JSON.stringify({
      ...{ custom_id: `line-${n}`, method: "POST", url: "/v1/chat/completions" },
      body: {
        model: "smollm2-135m-instruct",
        // One of them is refused.
        messages: n === 7 ? [{ role: "nobody", content: "" }] : [{ role: "user", content: `What is ${n}?` }],
        ...{ temperature: 0, max_tokens: 8 },
      },
    }),
  ).join("\n");
  const file = await client.files.create({ file: await toFile(Buffer.from(text), "in.jsonl"), purpose: "batch" });
  const endpoint = "/v1/chat/completions";
  return (await client.batches.create({ input_file_id: file.id, endpoint, completion_window: "24h" })).id;
}

describe("a batch in front of a real Sluice that has batches", () => {
  test("is one batch there, with each line once here, while the gateway in front is killed again and again", async () => {
    const behind = runSluice("--state-file", join(folder, "behind", "state.db"), "--slots", "2", "--cache-bytes", "0");
    const there = clientOf(await behind.ready);
    let front = startFront(await behind.ready);
    const id = await create(clientOf(await front.listens));
    const completed = (batch: OpenAI.Batch | undefined) => batch?.request_counts?.completed ?? 0;
    const firstThere = async () => (await there.batches.list()).data[0];
    const moments: readonly [what: string, hasCome: () => Promise<boolean>][] = [
      ["the file is there", async () => (await there.files.list()).data.length > 0],
      ["the batch is there", async () => (await firstThere()) !== undefined],
      ["some are answered there", async () => completed(await firstThere()) >= 8],
      ["it is told here", async () => completed(await clientOf(await front.listens).batches.retrieve(id)) >= 8],
      ["all are answered there", async () => (await firstThere())?.status === "completed"],
      ["results are deleted there", async () => (await there.files.list()).data.length < 3],
    ];
    for (const [what, hasCome] of moments) {
      await vi.waitFor(async () => expect(await hasCome(), what).toBe(true), { timeout: 100_000, interval: 20 });
      front.kill("SIGKILL");
      await front.ended;
      front = startFront(await behind.ready);
      await front.listens;
    }
    const here = clientOf(await front.listens);
    const batch = await vi.waitFor(
      async () => {
        const now = await here.batches.retrieve(id);
        expect(now.status).toBe("completed");
        return now;
      },
      { timeout: 120_000, interval: 100 },
    );
    const read = async (file: string | null | undefined) =>
      (await (await here.files.content(file ?? "")).text())
        .trimEnd()
        .split("\n")
        .map((line) => batchResult.parse(JSON.parse(line)));
    const answers = await read(batch.output_file_id);
    const refusals = await read(batch.error_file_id);
    const ids = [...answers, ...refusals].map(({ custom_id }) => custom_id);
    expect(ids.toSorted()).toEqual(Array.from({ length: LINES }, (_, n) => `line-${n}`).toSorted());
    expect(refusals.map(({ custom_id, response }) => [custom_id, response?.status_code])).toEqual([["line-7", 400]]);
    for (const { response } of answers) {
      const { model, choices } = Object(response?.body);
      expect(model).toBe("smollm2-135m-instruct");
      expect(choices[0].message.content).not.toBe("");
    }
    expect(batch.request_counts).toMatchObject({ total: LINES, completed: LINES - 1, failed: 1 });
    expect((await there.batches.list()).data.map(({ metadata }) => metadata)).toEqual([
      { sluice_segment: `${id}.0.0`, sluice_hops: "1" },
    ]);
    expect((await there.files.list()).data).toEqual([]);
  });
});
