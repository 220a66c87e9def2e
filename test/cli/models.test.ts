import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { models } from "../../src/cli/models.ts";
import { loadCatalogue, resolveModel } from "../../src/models/index.ts";
import { fakeContext } from "./fake-context.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sluice-models-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

describe("models", () => {
  it("lists every model of the catalogue with its size, its purpose, and that it isn't downloaded", async () => {
    const context = fakeContext({ cwd: folder });
    expect(await models({}, context)).toBe(0);
    const lines = context.stdout.text().trimEnd().split("\n");
    const catalogue = await loadCatalogue();
    expect(lines[0]).toMatch(/^NAME +SIZE +PARAMETERS +QUANTIZATION +PURPOSE +DOWNLOADED$/);
    expect(lines.slice(1).map((line) => line.split(" ")[0])).toEqual(catalogue.models.map(({ name }) => name));
    expect(lines.find((line) => line.startsWith("smollm2-135m-instruct "))).toMatch(
      / 93\.8 MiB +135M +Q4_1 +chat +no$/,
    );
  });

  it("shows which are in the models folder", async () => {
    const catalogue = await loadCatalogue();
    const reference = resolveModel(catalogue.models[0]?.name ?? "", catalogue);
    mkdirSync(join(folder, "mine"));
    if (reference.type === "remote") writeFileSync(join(folder, "mine", `${reference.stem}.gguf`), "");
    const context = fakeContext({ cwd: folder });
    await models({ modelsDir: "mine" }, context);
    const lines = context.stdout.text().trimEnd().split("\n");
    expect(lines[1]).toMatch(/ yes$/);
    expect(lines.slice(2).every((line) => line.endsWith(" no"))).toBe(true);
  });
});
