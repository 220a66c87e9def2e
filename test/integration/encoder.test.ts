import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { configSchema } from "../../src/config/schema.ts";
import { createGateway, type Gateway } from "../../src/gateway/gateway.ts";
import { ensureModel, loadCatalogue, resolveModel } from "../../src/models/index.ts";
import { CONTEXT_TOKENS, writeTinyBert } from "./fixtures/tiny-bert.ts";

type Answer = {
  data: { embedding: number[] }[];
  usage: { prompt_tokens: number };
  results: { index: number; relevance_score: number; document: { text: string } }[];
};

// Models that only read, made by the tests themselves: what their numbers are worth doesn't matter here, how they are served does.
describe("models without text generation", () => {
  let folder: string;
  let gateway: Gateway;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "sluice-encoder-"));
    const catalogue = await loadCatalogue();
    const models = [];
    for (const pooling of ["mean", "cls", "rank"] as const) {
      const path = join(folder, `tiny-${pooling}.gguf`);
      await writeFile(path, writeTinyBert(pooling));
      models.push(await ensureModel(await resolveModel(path, catalogue), { modelsDir: folder }));
    }
    gateway = await createGateway({ config: configSchema.parse({}), models, logger: pino({ level: "silent" }) });
    await gateway.start();
  });

  afterAll(async () => {
    await gateway.stop();
    await rm(folder, { recursive: true });
  });

  async function post(path: string, body: Readonly<Record<string, unknown>>) {
    const response = await gateway.app.request(path, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    return { status: response.status, body: (await response.json()) as Answer };
  }

  async function embed(model: string, input: readonly string[]): Promise<number[][]> {
    const { status, body } = await post("/v1/embeddings", { model, input });
    if (status !== 200) throw new Error(JSON.stringify(body));
    return body.data.map(({ embedding }) => embedding);
  }

  const rank = (documents: readonly string[], more: Readonly<Record<string, unknown>> = {}) =>
    post("/v1/rerank", { model: "tiny-rank", query: "the cat", documents, ...more });

  test("are ready, and listed", async () => {
    const ready = await gateway.app.request("/ready");
    expect(await ready.json()).toMatchObject({
      status: "ready",
      models: ["tiny-mean", "tiny-cls", "tiny-rank"].map((id) => ({ id, state: "ready" })),
    });
  });

  test.each(["tiny-mean", "tiny-cls"])("make embeddings that see the whole text: %s", async (model) => {
    const [one, same, turned, other] = await embed(model, [
      "the cat sat on the mat",
      "the cat sat on the mat",
      "the mat sat on the cat",
      "sea wind",
    ]);
    expect(one).toHaveLength(32);
    expect(Math.hypot(...(one ?? []))).toBeCloseTo(1, 5);
    expect(same).toEqual(one);
    expect(turned).not.toEqual(one);
    expect(other).not.toEqual(one);
    expect(await embed(model, ["the cat sat on the mat"])).toEqual([one]);
  });

  test("pool as their metadata says: the mean differs from the first token's vector", async () => {
    expect(await embed("tiny-mean", ["the cat"])).not.toEqual(await embed("tiny-cls", ["the cat"]));
  });

  test("count the special tokens around a text, and refuse a text longer than their training context", async () => {
    const { body } = await post("/v1/embeddings", { model: "tiny-mean", input: "the cat sat" });
    expect(body.usage.prompt_tokens).toBe(5);
    const fits = Array.from({ length: CONTEXT_TOKENS - 2 }, () => "cat").join(" ");
    expect(await embed("tiny-mean", [fits])).toHaveLength(1);
    const refused = await post("/v1/embeddings", { model: "tiny-mean", input: `${fits} cat` });
    expect(refused).toMatchObject({
      status: 400,
      body: {
        error: { param: "input", code: "context_length_exceeded", message: expect.stringContaining("64 tokens") },
      },
    });
  });

  test("score each document independently if they are rerankers", async () => {
    const documents = ["the cat sat on the mat", "sea wind", "a dog"];
    const { status, body } = await rank(documents, { return_documents: true });
    expect(status).toBe(200);
    const scores = body.results.map((result) => result.relevance_score);
    expect(scores).toEqual(scores.toSorted((a, b) => b - a));
    expect(new Set(scores).size).toBe(3);
    for (const score of scores) expect(score > 0 && score < 1).toBe(true);
    for (const { index, relevance_score, document } of body.results) {
      expect(document.text).toBe(documents[index]);
      const alone = await rank([document.text]);
      expect(alone.body.results).toEqual([{ index: 0, relevance_score }]);
    }
    expect((await rank(documents, { top_n: 1 })).body.results).toHaveLength(1);
  });

  test.each([
    ["embeddings of a reranker", "/v1/embeddings", { model: "tiny-rank", input: "a" }, /reranker/],
    ["scores of an embedder", "/v1/rerank", { model: "tiny-mean", query: "a", documents: ["b"] }, /not a reranker/],
    [
      "a chat",
      "/v1/chat/completions",
      { model: "tiny-mean", messages: [{ role: "user", content: "Hi" }] },
      /can't write text/,
    ],
    [
      "a streamed chat",
      "/v1/chat/completions",
      { model: "tiny-rank", messages: [{ role: "user", content: "Hi" }], stream: true },
      /can't write text/,
    ],
  ])("refuse %s, and say what they are for", async (_, path, body, message) => {
    expect(await post(path, body)).toMatchObject({
      status: 400,
      body: { error: { param: "model", code: "unsupported_model", message: expect.stringMatching(message) } },
    });
  });
});
