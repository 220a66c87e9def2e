import { describe, expect, it } from "vitest";
import { type Embed, EmbeddingRefusedError } from "../../src/generation/embedding.ts";
import { error } from "../../src/protocols/openai-responses.ts";
import { createTestApp, jsonInit, MODEL_ID, script, servedModel } from "./support.ts";

/** A reranker for which a document is the better the longer it is. */
const likesLength: Embed = async ({ items }) => ({
  vectors: items.map((item) => Float32Array.of(item.type === "pair" ? item.document.length / 16 : 0)),
  tokens: 9,
});

function post(embed: Embed, path: string, body: Readonly<Record<string, unknown>>) {
  const { can } = servedModel(script([]));
  const { app } = createTestApp({ models: [servedModel(script([]), { embed, can: { ...can, reranking: true } })] });
  return app.request(path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: MODEL_ID, query: "which?", ...body }),
  });
}

describe.each(["/v1/rerank", "/rerank"])("POST %s", (path) => {
  it("ranks documents, the best first", async () => {
    const response = await post(likesLength, path, {
      documents: ["a", "abcd", "ab"],
      top_n: 2,
      return_documents: true,
    });
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({
      object: "list",
      model: MODEL_ID,
      results: [
        { index: 1, relevance_score: 0.25, document: { text: "abcd" } },
        { index: 2, relevance_score: 0.125, document: { text: "ab" } },
      ],
      usage: { prompt_tokens: 9, total_tokens: 9 },
    });
  });

  it("is a 400 that names the needed kind of model when the model is not a reranker", async () => {
    const refuse: Embed = () => Promise.reject(new EmbeddingRefusedError(0, { code: "not_a_reranker" }));
    const response = await post(refuse, path, { documents: ["a"] });
    expect(response.status).toBe(400);
    const body = error.parse(await response.json());
    expect(body.error).toMatchObject({ param: "model", code: "unsupported_model" });
    expect(body.error.message).toContain("reranking model");
  });

  it("sends nothing to a model that is known to be no reranker", async () => {
    const embed: Embed = () => Promise.reject(new Error("nobody asks"));
    const { app } = createTestApp({ models: [servedModel(script([]), { embed })] });
    const response = await app.request(path, jsonInit({ model: MODEL_ID, query: "which?", documents: ["a"] }));
    expect(response.status).toBe(400);
    const body = error.parse(await response.json());
    expect(body.error).toMatchObject({ param: "model", code: "unsupported_model" });
    expect(body.error.message).toContain("reranking model");
  });

  it("names the document that is too long", async () => {
    const refusal = { code: "too_long", tokens: 70, contextTokens: 64, atLeast: false } as const;
    const refuse: Embed = () => Promise.reject(new EmbeddingRefusedError(1, refusal));
    const response = await post(refuse, path, { documents: ["a", "b"] });
    expect(error.parse(await response.json()).error).toMatchObject({
      param: "documents[1]",
      code: "context_length_exceeded",
    });
  });

  it("accepts only POST", async () => {
    const { app } = createTestApp();
    const response = await app.request(path);
    expect(response.status).toBe(405);
    expect(response.headers.get("allow")).toBe("POST");
  });
});
