import { describe, expect, it } from "vitest";
import type { Backend } from "../../src/generation/backend.ts";
import { ModelNotFoundError } from "../../src/generation/errors.ts";
import { createModelDirectory } from "../../src/routing/directory.ts";
import { servedModel } from "../fixtures/served-model.ts";

function model(id: string, aliases: readonly string[] = []): Backend {
  return servedModel({ id, aliases });
}

describe("the model directory", () => {
  it("finds a model by its id or an alias, case-insensitively", () => {
    const directory = createModelDirectory([model("one/Repo:Q4_K_M", ["Tiny"]), model("two")]);
    expect(directory.resolve("ONE/repo:q4_k_m").id).toBe("one/Repo:Q4_K_M");
    expect(directory.resolve("tiny").id).toBe("one/Repo:Q4_K_M");
    expect(directory.resolve("two").id).toBe("two");
  });

  it("lists the models in the given order", () => {
    const directory = createModelDirectory([model("b"), model("a")]);
    expect(directory.list().map(({ id }) => id)).toEqual(["b", "a"]);
  });

  it("lists the existing models if one doesn't exist", () => {
    const directory = createModelDirectory([model("one"), model("two")]);
    expect(() => directory.resolve("gpt-4o")).toThrow(ModelNotFoundError);
    expect(() => directory.resolve("gpt-4o")).toThrow("The model `gpt-4o` does not exist here. Available: one, two.");
  });

  it("doesn't mistake built-in object properties for models", () => {
    const directory = createModelDirectory([model("one")]);
    for (const name of ["__proto__", "constructor", "toString", ""]) {
      expect(() => directory.resolve(name)).toThrow(ModelNotFoundError);
    }
  });

  it("prefers an id to an alias, and the first model to a later one", () => {
    const directory = createModelDirectory([model("one", ["two", "small"]), model("two", ["small"])]);
    expect(directory.resolve("two").id).toBe("two");
    expect(directory.resolve("small").id).toBe("one");
  });

  it("refuses two models with the same id", () => {
    expect(() => createModelDirectory([model("one"), model("ONE")])).toThrow("Two models have the id `ONE`");
  });
});

describe("a directory whose models change", () => {
  it("finds a model by all its names from its addition until its removal", () => {
    const directory = createModelDirectory([model("one")]);
    directory.add(model("Two", ["second"]));
    expect(directory.resolve("SECOND").id).toBe("Two");
    expect(directory.list().map(({ id }) => id)).toEqual(["one", "Two"]);
    expect(directory.remove("two")?.id).toBe("Two");
    expect(directory.find("second")).toBeUndefined();
    expect(() => directory.resolve("Two")).toThrow(ModelNotFoundError);
  });

  it("notifies listeners of each change, until they stop", () => {
    const directory = createModelDirectory([]);
    const seen: string[] = [];
    const stop = directory.onChange(
      () =>
        void seen.push(
          directory
            .list()
            .map(({ id }) => id)
            .join(),
        ),
    );
    directory.add(model("one"));
    directory.remove("nothing");
    directory.remove("one");
    stop();
    directory.add(model("two"));
    expect(seen).toEqual(["one", ""]);
  });

  it("refuses a second model with the same id, and accepts it once the first is removed", () => {
    const directory = createModelDirectory([model("one", ["old"])]);
    expect(() => directory.add(model("ONE"))).toThrow("Two models have the id `ONE`");
    directory.remove("one");
    directory.add(model("ONE", ["new"]));
    expect(directory.resolve("one").aliases).toEqual(["new"]);
  });

  it("lists an alias of the settings while its model exists", () => {
    const directory = createModelDirectory([model("one"), model("two")], { aliases: ["small=two"] });
    const two = directory.remove("two");
    expect(directory.aliases).toEqual([]);
    expect(directory.find("small")).toBeUndefined();
    if (two !== undefined) directory.add(two);
    expect(directory.aliases).toEqual([{ name: "small", model: "two" }]);
    expect(directory.resolve("small")).toMatchObject({ id: "two", aliases: ["small"] });
  });

  it("gives an id precedence over an alias of the settings with the same name", () => {
    const directory = createModelDirectory([model("one")], { aliases: ["two=one"] });
    directory.add(model("two"));
    expect(directory.resolve("two").id).toBe("two");
    expect(directory.aliases).toEqual([]);
  });

  it("takes other models and names over at once, and nothing if one of them is wrong", () => {
    const [one, two, pulled] = [model("one"), model("two"), model("pulled")];
    const directory = createModelDirectory([one, two], { aliases: ["small=two"] });
    directory.add(pulled);
    const before = directory.list();
    expect(() => directory.prepare([one], [pulled], { aliases: ["small=two"] })).toThrow("'two', which is not served");
    // A start would not know it either.
    expect(() => directory.prepare([one], [pulled], { aliases: ["big=pulled"] })).toThrow("which is not served");
    const prepared = directory.prepare([one], [pulled], { aliases: ["small=one"], unknownModel: "default" });
    expect(directory.list()).toBe(before);
    let changes = 0;
    directory.onChange(() => {
      changes += 1;
    });
    const left = prepared.commit();
    expect(left.map(({ backend }) => backend)).toEqual([two]);
    expect(directory.list().map(({ id }) => id)).toEqual(["one", "pulled"]);
    expect(directory.resolve("small").id).toBe("one");
    expect([directory.unknownModel, changes]).toEqual(["default", 1]);
  });

  it("leads requests in progress to a model that is leaving until it is forgotten, and no others", () => {
    const [one, two] = [model("one"), model("two")];
    const directory = createModelDirectory([one, two]);
    const [left] = directory.prepare([one], [], {}).commit();
    expect(directory.find("two")).toBeUndefined();
    expect(directory.reach("TWO")).toBe(two);
    left?.forget();
    expect(() => directory.reach("two")).toThrow("two");
  });

  it("leads requests in progress to the model that has taken another's place", () => {
    const [old, replacement] = [model("one"), model("one")];
    const directory = createModelDirectory([old]);
    directory.prepare([replacement], [], {}).commit();
    expect(directory.reach("one").generate).toBe(replacement.generate);
  });
});
