import OpenAI from "openai";
import { describe, expect, it } from "vitest";
import { type Embed, EmbeddingRefusedError, type EmbeddingRequest } from "../../src/generation/embedding.ts";
import { EngineCrashedError, EngineUnavailableError, OverloadedError } from "../../src/generation/errors.ts";
import { embeddingList, error } from "../fixtures/openai/embeddings.ts";
import { createTestApp, listen, loopTurn, MODEL_ID, script, servedModel } from "./support.ts";

const EMBEDDINGS = "/v1/embeddings";

/** A model whose vectors say how many characters, or tokens, an item has. */
const countChars: Embed = async ({ items }) => ({
  vectors: items.map((item) =>
    Float32Array.of(item.type === "text" ? item.text.length : item.type === "tokens" ? item.tokens.length : 0, 1, 2),
  ),
  tokens: items.length * 2,
});

function createApp(embed: Embed | undefined = countChars) {
  const generate = script([]);
  return createTestApp({ models: [servedModel(generate, embed === undefined ? {} : { embed })] });
}

function init(body: Readonly<Record<string, unknown>>) {
  return {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: MODEL_ID, ...body }),
  };
}

function failing(failure: Error): Embed {
  return () => Promise.reject(failure);
}

describe("POST /v1/embeddings", () => {
  it("answers a list in OpenAI's form, with vectors of length 1", async () => {
    const { app, log } = createApp();
    const response = await app.request(EMBEDDINGS, init({ model: "smollm2", input: ["ab", "a"] }));
    expect(response.status).toBe(200);
    const body = embeddingList.parse(await response.json());
    expect(body).toMatchObject({ model: MODEL_ID, usage: { prompt_tokens: 4, total_tokens: 4 } });
    expect(body.data.map(({ index }) => index)).toEqual([0, 1]);
    expect(body.data[0]?.embedding).toEqual(Array.from(Float32Array.of(2 / 3, 1 / 3, 2 / 3)));
    await loopTurn();
    expect(log.at(-1)).toMatchObject({ model: MODEL_ID, tokens: { prompt: 4, completion: 0 } });
  });

  it("cuts the vectors to the requested dimensions, and passes these to the model", async () => {
    let asked: EmbeddingRequest | undefined;
    const { app } = createApp((request) => {
      asked = request;
      return countChars(request);
    });
    const response = await app.request(EMBEDDINGS, init({ input: [5, 6], dimensions: 2 }));
    const body = embeddingList.parse(await response.json());
    expect(body.data).toMatchObject([{ embedding: Array.from(Float32Array.of(2 / Math.sqrt(5), 1 / Math.sqrt(5))) }]);
    expect(asked).toMatchObject({ dimensions: 2, items: [{ type: "tokens", tokens: [5, 6] }] });
  });

  it("returns the same numbers to the official client, which requests base64, as floats", async () => {
    await using server = await listen(createApp().app);
    const openai = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "any", maxRetries: 0 });
    const byDefault = await openai.embeddings.create({ model: MODEL_ID, input: ["ab", "abc"] });
    const asFloats = await openai.embeddings.create({
      model: MODEL_ID,
      input: ["ab", "abc"],
      encoding_format: "float",
    });
    expect(byDefault.data.map(({ embedding }) => embedding)).toEqual(asFloats.data.map(({ embedding }) => embedding));
    expect(byDefault.data[0]?.embedding).toHaveLength(3);
  });

  it("names the item that the model refuses: its place in a list, or the field when there is only one", async () => {
    const refusal = { code: "too_long", tokens: 70, contextTokens: 64, atLeast: false } as const;
    const { app } = createApp(failing(new EmbeddingRefusedError(1, refusal)));
    const inList = await app.request(EMBEDDINGS, init({ input: ["a", "long"] }));
    expect(inList.status).toBe(400);
    expect(error.parse(await inList.json()).error).toMatchObject({
      param: "input[1]",
      code: "context_length_exceeded",
      type: "invalid_request_error",
    });
    const alone = await app.request(EMBEDDINGS, init({ input: "long" }));
    expect(error.parse(await alone.json()).error).toMatchObject({ param: "input" });
  });

  it.each([
    ["input", { input: [] }, 400, "empty_array"],
    ["model", { input: "a", model: "gpt-4o" }, 404, "model_not_found"],
  ])("refuses a wrong %s", async (param, body, status, code) => {
    const response = await createApp().app.request(EMBEDDINGS, init(body));
    expect(response.status).toBe(status);
    expect(error.parse(await response.json()).error).toMatchObject({ param, code });
  });

  it("is a clear 400 for a model that makes none", async () => {
    const { app } = createTestApp();
    const response = await app.request(EMBEDDINGS, init({ input: "a" }));
    expect(response.status).toBe(400);
    expect(error.parse(await response.json()).error).toMatchObject({ param: "model", code: "unsupported_model" });
  });

  it.each([
    [new OverloadedError("256 requests are in hand.", 1_000), 503, "server_overloaded"],
    [new EngineUnavailableError("no engine"), 503, "engine_unavailable"],
    [new EngineCrashedError(3), 500, "engine_crashed"],
    [new Error("a secret"), 500, "internal_error"],
  ])("reports a failure like any other request: %s", async (failure, status, code) => {
    const response = await createApp(failing(failure)).app.request(EMBEDDINGS, init({ input: "a" }));
    expect(response.status).toBe(status);
    const body = error.parse(await response.json());
    expect(body.error.code).toBe(code);
    expect(body.error.message).not.toContain("secret");
  });

  it("ends the work when the client leaves", async () => {
    const { app, log } = createApp(({ signal }) => {
      const { promise, reject } = Promise.withResolvers<never>();
      signal.addEventListener("abort", () => reject(signal.reason));
      leaving.abort();
      return promise;
    });
    const leaving = new AbortController();
    const response = await app.request(EMBEDDINGS, { ...init({ input: "a" }), signal: leaving.signal });
    expect(response.status).toBe(499);
    await loopTurn();
    expect(log.at(-1)).toMatchObject({ status: 499, clientGone: true });
  });
});
