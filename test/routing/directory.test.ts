import { describe, expect, it } from "vitest";
import { ModelNotFoundError } from "../../src/generation/errors.ts";
import { createModelDirectory, type ServedModel } from "../../src/routing/directory.ts";
import { servedModel } from "../fixtures/served-model.ts";

function model(id: string, aliases: readonly string[] = []): ServedModel {
  return servedModel({ id, aliases });
}

describe("the model directory", () => {
  it("finds a model by its id or an alias, in any case of letters", () => {
    const directory = createModelDirectory([model("one/Repo:Q4_K_M", ["Tiny"]), model("two")]);
    expect(directory.resolve("ONE/repo:q4_k_m").id).toBe("one/Repo:Q4_K_M");
    expect(directory.resolve("tiny").id).toBe("one/Repo:Q4_K_M");
    expect(directory.resolve("two").id).toBe("two");
  });

  it("lists the models in the order in which they were given", () => {
    const directory = createModelDirectory([model("b"), model("a")]);
    expect(directory.list().map(({ id }) => id)).toEqual(["b", "a"]);
  });

  it("says which models exist when one doesn't", () => {
    const directory = createModelDirectory([model("one"), model("two")]);
    expect(() => directory.resolve("gpt-4o")).toThrow(ModelNotFoundError);
    expect(() => directory.resolve("gpt-4o")).toThrow("The model `gpt-4o` does not exist here. Available: one, two.");
  });

  it("does not take names that every object has for models", () => {
    const directory = createModelDirectory([model("one")]);
    for (const name of ["__proto__", "constructor", "toString", ""]) {
      expect(() => directory.resolve(name)).toThrow(ModelNotFoundError);
    }
  });

  it("lets an id win over an alias, and the first model over a later one", () => {
    const directory = createModelDirectory([model("one", ["two", "small"]), model("two", ["small"])]);
    expect(directory.resolve("two").id).toBe("two");
    expect(directory.resolve("small").id).toBe("one");
  });

  it("refuses two models of one id", () => {
    expect(() => createModelDirectory([model("one"), model("ONE")])).toThrow("Two models have the id `ONE`");
  });
});
