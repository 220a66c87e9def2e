import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { endpoints } from "../../scripts/compatibility/endpoints/index.ts";
import { describeEndpoint, renderPage } from "../../scripts/compatibility/table.ts";

describe("docs/compatibility.md", () => {
  it("is what the source says; `npm run docs:compatibility` writes it anew", () => {
    const committed = readFileSync(new URL("../../docs/compatibility.md", import.meta.url), "utf8");
    expect(committed).toBe(renderPage(endpoints));
  });
});

describe("the table of chat completions", () => {
  const rows = describeEndpoint(rowsOf("POST /v1/chat/completions"));

  it("has every field that the official client's types have", () => {
    const fields = new Set(rows.map(({ field }) => field));
    for (const name of clientFields("resources/chat/completions/completions.d.ts", "ChatCompletionCreateParamsBase")) {
      expect(fields).toContain(`\`${name}\``);
    }
  });

  it("has each field once", () => {
    const fields = rows.map(({ field }) => field);
    expect(fields).toEqual([...new Set(fields)]);
  });

  it("tells what a field may be, from its schema", () => {
    expect(rows.find(({ field }) => field === "`n`")).toMatchObject({
      outcome: "supported",
      values: "integer 1 to 128",
    });
  });

  it("finds by trial what becomes of a sample", () => {
    expect(rows.find(({ field }) => field === "`image_url` parts")).toMatchObject({
      outcome: "refused",
      notes: expect.stringContaining("the model reads text only"),
    });
    expect(rows.find(({ field }) => field === "`text` parts")).toMatchObject({ outcome: "supported" });
  });
});

function rowsOf(title: string) {
  const endpoint = endpoints.find((candidate) => candidate.title === title);
  if (endpoint === undefined) throw new Error(`There is no endpoint ${title} in the table.`);
  return endpoint;
}

/** The fields of an interface in the types of the `openai` package. */
function clientFields(path: string, name: string): readonly string[] {
  const types = readFileSync(new URL(`../../node_modules/openai/${path}`, import.meta.url), "utf8");
  const body = new RegExp(`^export interface ${name} \\{\\n(.*?)^\\}`, "ms").exec(types)?.[1] ?? "";
  const fields = [...body.matchAll(/^ {4}(\w+)\??:/gm)].map(([, field = ""]) => field);
  expect(fields).toContain("model");
  return fields;
}
