import { describe, expect, it } from "vitest";
import type { Backend } from "../../src/generation/backend.ts";
import { ModelNotFoundError } from "../../src/generation/errors.ts";
import { createModelDirectory } from "../../src/routing/directory.ts";
import { route } from "../../src/routing/route.ts";
import { collect, generationRequest } from "../fixtures/generation.ts";
import { servedModel } from "../fixtures/served-model.ts";

function model(id: string): Backend {
  return servedModel({
    id,
    generate: async function* () {
      yield { type: "text", choice: 0, text: id };
    },
  });
}

describe("routing", () => {
  it("passes a request to the model that it names", async () => {
    const generate = route(createModelDirectory([model("one"), model("two")]));
    expect(await collect(generate(generationRequest({ model: "two" })))).toEqual([
      { type: "text", choice: 0, text: "two" },
    ]);
  });

  it("throws for an unknown model when the result is iterated, not before", async () => {
    const generate = route(createModelDirectory([model("one")]));
    const events = generate(generationRequest({ model: "three" }));
    await expect(collect(events)).rejects.toThrow(ModelNotFoundError);
  });
});

describe("a model without a requested feature", () => {
  const request = generationRequest({ model: "one" });
  const tool = { name: "look" };

  it("is named in the error, and still answers other requests", async () => {
    const { can } = servedModel();
    const generate = route(
      createModelDirectory([{ ...model("one"), can: { ...can, tools: false, schemas: false, logprobs: false } }]),
    );
    const asked = {
      tools: { tools: { tools: [tool], choice: "auto", allowed: undefined, parallel: true } },
      schemas: { output: { type: "json" } },
      logprobs: { logprobs: 0 },
    } as const;
    for (const [lacks, fields] of Object.entries(asked)) {
      await expect(collect(generate({ ...request, ...fields }))).rejects.toMatchObject({
        name: "NotSupportedByModelError",
        model: "one",
        lacks,
      });
    }
    expect(await collect(generate(request))).toHaveLength(1);
  });

  it("may see tools that it must not call", async () => {
    const generate = route(createModelDirectory([{ ...model("one"), can: { ...servedModel().can, tools: false } }]));
    const tools = { tools: [tool], choice: "none", allowed: undefined, parallel: true } as const;
    expect(await collect(generate({ ...request, tools }))).toHaveLength(1);
  });

  it("generates no text if it is an embedding model", async () => {
    const { generate: _, ...rest } = servedModel({ can: { ...servedModel().can, text: false } });
    await expect(collect(route(createModelDirectory([rest]))(request))).rejects.toMatchObject({ lacks: "text" });
  });
});
