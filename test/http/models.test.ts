import { describe, expect, it } from "vitest";
import { error, modelList, model as modelSchema } from "../../src/protocols/openai-responses.ts";
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
    expect(modelList.parse(await response.json()).data).toEqual([
      { id: "smollm2-135m-instruct", object: "model", created: 1_730_000_000, owned_by: "sluice" },
      { id: "owner/repo:Q4_K_M", object: "model", created: 1_730_000_000, owned_by: "owner" },
    ]);
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
