import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parseEvaluation } from "../../src/prompts/evaluation.ts";
import { openPresetLibrary } from "../../src/prompts/library.ts";
import { takesInput } from "../../src/prompts/parse.ts";
import { resolveVariables } from "../../src/prompts/variables.ts";

const FOLDER = "prompts";
const log = { info: () => {}, error: () => {} };
const library = await openPresetLibrary({ folder: FOLDER, shownFolder: FOLDER, log });

describe.each(library.list())("the preset $id that comes with Sluice", (preset) => {
  const { cases } = parseEvaluation(readFileSync(`${FOLDER}/${preset.id}.eval.yaml`, "utf8"), preset.id);

  it("works with any model, and has requests to warm", () => {
    expect(preset.models).toEqual([]);
    expect(preset.warm).not.toHaveLength(0);
  });

  it("has valid test cases, none of them its own examples", () => {
    for (const { input, variables } of cases) {
      expect(input !== undefined).toBe(takesInput(preset.template));
      expect(resolveVariables(preset.variables, variables)).toHaveProperty("values");
      expect(preset.examples.map(({ user }) => user).some((user) => user.includes(input ?? ""))).toBe(false);
    }
  });
});

it("every evaluation has a preset", () => {
  const tried = readdirSync(FOLDER).filter((file) => file.endsWith(".eval.yaml"));
  expect(tried.map((file) => file.replace(".eval.yaml", ""))).toEqual(library.list().map(({ id }) => id));
});
