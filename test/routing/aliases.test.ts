import { describe, expect, it } from "vitest";
import { AliasError, parseAliases } from "../../src/routing/aliases.ts";
import { createModelDirectory } from "../../src/routing/directory.ts";
import { servedModel } from "../fixtures/served-model.ts";

const MODELS = [
  { id: "one", aliases: ["tiny"] },
  { id: "owner/two:Q4", aliases: [] },
];

describe("aliases of the settings", () => {
  it("refer to a model's id or one of its own aliases, case-insensitively", () => {
    expect(parseAliases(["gpt-4o=Owner/Two:Q4", " claude = TINY "], MODELS)).toEqual([
      { name: "gpt-4o", model: "owner/two:Q4" },
      { name: "claude", model: "one" },
    ]);
  });

  it.each([
    [
      "a model that isn't served",
      ["x=three"],
      "The alias 'x' refers to 'three', which is not served. Served models: one, owner/two:Q4.",
    ],
    ["the name of a model", ["ONE=owner/two:Q4"], "The alias 'ONE' is already the name of a model"],
    [
      "a name that was given before",
      ["x=one", "X=one"],
      "The alias 'X' is already the name of a model, or is given twice",
    ],
    ["another alias of the settings", ["x=one", "y=x"], "The alias 'y' refers to 'x', which is not served."],
  ])("can't be %s", (_, texts, message) => {
    expect(() => parseAliases(texts, MODELS)).toThrow(AliasError);
    expect(() => parseAliases(texts, MODELS)).toThrow(message);
  });

  it("take precedence over models' own aliases", () => {
    const models = [servedModel({ id: "one", aliases: ["small"] }), servedModel({ id: "two" })];
    const directory = createModelDirectory(models, { aliases: ["small=two"] });
    expect(directory.resolve("SMALL").id).toBe("two");
    expect(directory.list()[1]?.aliases).toEqual(["small"]);
  });
});
