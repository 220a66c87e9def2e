import { describe, expect, it } from "vitest";
import { error, modelList, model as modelSchema } from "../../src/protocols/openai-responses.ts";
import * as anthropic from "../fixtures/anthropic/schemas.ts";
import { answerWith, createTestApp, script, servedModel } from "./support.ts";

const generate = script(answerWith(["Hi"]));

function createApp() {
  return createTestApp({
    models: [
      servedModel(generate),
      servedModel(generate, { id: "owner/repo:Q4_K_M", aliases: ["big"], ownedBy: "owner" }),
    ],
  }).app;
}

describe("GET /v1/models", () => {
  it("lists the models in OpenAI's form", async () => {
    const response = await createApp().request("/v1/models");
    expect(response.status).toBe(200);
    const known = {
      state: "ready",
      max_model_len: 4096,
      architecture: { input_modalities: ["text"], output_modalities: ["text"] },
      capabilities: ["completion", "chat"],
      meta: {
        architecture: "llama",
        quantization: "Q4_1",
        n_params: 134_515_008,
        n_vocab: 49_152,
        n_ctx: 4096,
        n_ctx_train: 8192,
        n_embd: 576,
        size: 98_362_432,
      },
    };
    expect(modelList.parse(await response.json()).data).toEqual([
      { id: "smollm2-135m-instruct", object: "model", created: 1_730_000_000, owned_by: "sluice", ...known },
      { id: "owner/repo:Q4_K_M", object: "model", created: 1_730_000_000, owned_by: "owner", ...known },
    ]);
  });

  it("shows only the known properties of a loading model", async () => {
    const sha256 = "b".repeat(64);
    const { app } = createTestApp({
      models: [
        servedModel(generate, {
          state: () => "loading",
          details: () => ({ family: "gpt2", parameters: 5, sizeBytes: 6, sha256 }),
          can: { ...servedModel(generate).can, chat: false },
        }),
      ],
    });
    expect(modelList.parse(await (await app.request("/v1/models")).json()).data).toMatchObject([
      {
        state: "loading",
        max_model_len: null,
        capabilities: ["completion"],
        meta: { architecture: "gpt2", n_params: 5, size: 6, sha256 },
      },
    ]);
  });
});

describe("a model's capabilities", () => {
  it.each([
    [{ text: true, embeddings: true }, ["completion", "chat", "embeddings"]],
    [{ text: true, infill: true }, ["completion", "chat", "infill"]],
    [{ text: false, embeddings: true }, ["embeddings"]],
    [{ text: false, reranking: true }, ["rerank"]],
  ])("are its possible requests: %o", async (kind, capabilities) => {
    const { can } = servedModel(generate);
    const { app } = createTestApp({ models: [servedModel(generate, { can: { ...can, ...kind } })] });
    expect(modelList.parse(await (await app.request("/v1/models")).json()).data).toMatchObject([{ capabilities }]);
  });
});

describe("GET /v1/models/{id}", () => {
  it.each(["owner/repo:Q4_K_M", "owner%2Frepo%3AQ4_K_M", "OWNER/repo:q4_k_m", "big"])(
    "shows the model by an id with slashes and colons, however it is written: %s",
    async (id) => {
      const response = await createApp().request(`/v1/models/${id}`);
      expect(response.status).toBe(200);
      expect(modelSchema.parse(await response.json()).id).toBe("owner/repo:Q4_K_M");
    },
  );

  it.each(["gpt-4o", "100%zz", "..%2f..%2fetc"])("is a 404 with the names that exist for another: %s", async (id) => {
    const response = await createApp().request(`/v1/models/${id}`);
    expect(response.status).toBe(404);
    const body = error.parse(await response.json());
    expect(body.error).toMatchObject({ type: "invalid_request_error", param: "model", code: "model_not_found" });
    expect(body.error.message).toContain("smollm2-135m-instruct, owner/repo:Q4_K_M");
  });
});

describe("a client of Anthropic's API", () => {
  const init = { headers: { "anthropic-version": "2023-06-01", "x-api-key": "any" } };

  it("gets the list in Anthropic's form, on one page", async () => {
    const response = await createApp().request("/v1/models?limit=1000", init);
    const list = anthropic.modelList.parse(await response.json());
    expect(list).toMatchObject({ first_id: "smollm2-135m-instruct", last_id: "owner/repo:Q4_K_M", has_more: false });
    expect(list.data[0]).toMatchObject({
      id: "smollm2-135m-instruct",
      created_at: "2024-10-27T03:33:20.000Z",
      max_input_tokens: 4096,
    });
  });

  it("gets one model, and errors, in Anthropic's form, too", async () => {
    const found = await createApp().request("/v1/models/big", init);
    expect(anthropic.model.parse(await found.json()).id).toBe("owner/repo:Q4_K_M");
    const missing = await createApp().request("/v1/models/claude", init);
    expect(missing.status).toBe(404);
    expect(anthropic.error.parse(await missing.json()).error.type).toBe("not_found_error");
  });
});
