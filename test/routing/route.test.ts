import { describe, expect, it } from "vitest";
import { ModelNotFoundError } from "../../src/generation/errors.ts";
import { createModelDirectory, type ServedModel } from "../../src/routing/directory.ts";
import { route } from "../../src/routing/route.ts";
import { collect, generationRequest } from "../fixtures/generation.ts";
import { servedModel } from "../fixtures/served-model.ts";

function model(id: string): ServedModel {
  return servedModel({
    id,
    generate: async function* () {
      yield { type: "text", choice: 0, text: id };
    },
  });
}

describe("routing", () => {
  it("hands a request to the model that it names", async () => {
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
