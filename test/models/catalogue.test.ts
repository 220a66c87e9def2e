import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { findEntry, loadCatalogue, parseCatalogue } from "../../src/models/catalogue.ts";
import { CatalogueError } from "../../src/models/errors.ts";
import { resolveModel } from "../../src/models/resolve.ts";
import { tempDir } from "./support/temp-dir.ts";

const ENTRY = `
  - name: tiny
    aliases: [small]
    purpose: chat
    description: A test.
    license: MIT
    parameters: 1M
    quantization: Q8_0
    approximateSizeBytes: 1000
    contextTokens: 128
    memoryBytes: 2000
    verified: false
    sources:
      - hub: hf:owner/repo:Q8_0`;

function problemsOf(text: string): string {
  try {
    parseCatalogue(text, "list.yaml");
  } catch (error) {
    if (error instanceof CatalogueError) return error.message;
    throw error;
  }
  throw new Error("expected a CatalogueError");
}

describe("Sluice's own catalogue", async () => {
  const catalogue = await loadCatalogue();

  it("begins with the default model and its exact file", () => {
    expect(catalogue.models[0]).toMatchObject({
      name: "smollm2-135m-instruct",
      license: "Apache-2.0",
      quantization: "Q4_1",
      sizeBytes: 98_362_432,
      sha256: "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
      verified: true,
    });
  });

  it("knows the second verified model, cut over four Python packages", () => {
    const entry = findEntry(catalogue, "gemma-3-270m");
    expect(entry).toMatchObject({ sizeBytes: 253_113_024, purpose: "completion" });
    const packages =
      entry?.sources.flatMap((source) => ("pythonPackages" in source ? source.pythonPackages : [])) ?? [];
    expect(packages.map(({ member }) => member.slice(-6))).toEqual(["part00", "part01", "part02", "part03"]);
  });

  it("has something for every purpose", () => {
    const purposes = new Set(catalogue.models.map(({ purpose }) => purpose));
    expect([...purposes].sort()).toEqual(["chat", "code", "completion", "embedding", "reasoning"]);
  });

  it("can resolve every entry, and claims no hash for a file that was not fetched", () => {
    for (const entry of catalogue.models) {
      expect(resolveModel(entry.name, catalogue).type).toBe("remote");
      expect(entry.sha256 !== undefined).toBe(entry.verified);
    }
  });
});

describe("loadCatalogue", () => {
  it("reads another file", async () => {
    const path = join(await tempDir(), "list.yaml");
    await writeFile(path, `models:${ENTRY}`);
    expect((await loadCatalogue(path)).models[0]).toMatchObject({ name: "tiny", aliases: ["small"] });
  });

  it("names the file that can't be read", async () => {
    await expect(loadCatalogue(join(await tempDir(), "none.yaml"))).rejects.toThrow(/none\.yaml: can't be read/);
  });
});

describe("parseCatalogue", () => {
  it("names the entry and the field that is wrong", () => {
    const problems = problemsOf(`models:${ENTRY.replace("license: MIT", "license: 7")}`);
    expect(problems).toContain("list.yaml: models[0] (tiny), license: ");
  });

  it.each([
    [
      "an unknown field",
      ENTRY.replace("purpose: chat", "purpose: chat\n    colour: red"),
      /models\[0\] \(tiny\): .*colour/,
    ],
    ["a hash that is none", `${ENTRY}\n    sha256: abc`, /sha256: must be 64/],
    ["no size at all", ENTRY.replace("approximateSizeBytes: 1000", ""), /sizeBytes: give one of/],
    ["two sizes", `${ENTRY}\n    sizeBytes: 5`, /sizeBytes: give one of/],
    ["verified without a hash", ENTRY.replace("verified: false", "verified: true"), /verified: a verified model has/],
    ["a source over http", ENTRY.replace("hub: hf:owner/repo:Q8_0", "url: http://a.test/x.gguf"), /sources/],
    ["a hub URI without a file", ENTRY.replace("hf:owner/repo:Q8_0", "hf:owner"), /sources/],
    [
      "a member outside of its wheel",
      ENTRY.replace("hub: hf:owner/repo:Q8_0", "pythonPackages: [{ name: a, version: 1.0.0, member: ../x }]"),
      /member/,
    ],
    [
      "a package that would be an option of pip",
      ENTRY.replace(
        "hub: hf:owner/repo:Q8_0",
        'pythonPackages: [{ name: "--index-url=x", version: 1.0.0, member: x }]',
      ),
      /name/,
    ],
    [
      "a name that is taken",
      `${ENTRY}${ENTRY.replace("name: tiny", "name: small").replace("[small]", "[]")}`,
      /small is already taken by tiny/,
    ],
  ])("refuses %s", (_, entries, expected) => {
    expect(problemsOf(`models:${entries}`)).toMatch(expected);
  });

  it("says where YAML is broken", () => {
    expect(problemsOf("models: [")).toMatch(/^list\.yaml: not valid YAML: .*line 1/s);
  });

  it("refuses a text that is no catalogue", () => {
    expect(problemsOf("just words")).toMatch(/^list\.yaml: /);
    expect(problemsOf("models: []")).toMatch(/models: /);
  });
});
