import { readFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { titleOf } from "../../scripts/compatibility/endpoint.ts";
import { endpoints } from "../../scripts/compatibility/endpoints/index.ts";
import { describeEndpoint, renderPage } from "../../scripts/compatibility/table.ts";

describe("docs/compatibility.md", () => {
  it("is what the source says; `npm run docs:compatibility` writes it anew", () => {
    const committed = readFileSync(new URL("../../docs/compatibility.md", import.meta.url), "utf8");
    expect(committed).toBe(renderPage(endpoints));
  });
});

describe.each(endpoints.map((endpoint) => [titleOf(endpoint), endpoint] as const))("the table of %s", (_, endpoint) => {
  it("has each field once", () => {
    const fields = describeEndpoint(endpoint).map(({ field }) => field);
    expect(fields).toEqual([...new Set(fields)]);
  });
});

describe("the tables", () => {
  it.each([
    ["POST /v1/chat/completions", "openai/resources/chat/completions/completions", "ChatCompletionCreateParamsBase"],
    ["POST /v1/responses", "openai/resources/responses/responses", "ResponseCreateParamsBase"],
    ["POST /v1/responses/compact", "openai/resources/responses/responses", "ResponseCompactParams"],
    ["POST /v1/messages", "@anthropic-ai/sdk/resources/messages/messages", "MessageCreateParamsBase"],
    ["POST /v1/completions", "openai/resources/completions", "CompletionCreateParamsBase"],
    ["POST /v1/embeddings", "openai/resources/embeddings", "EmbeddingCreateParams"],
  ])("have every field of %s that the official client's types have", (title, file, type) => {
    const fields = new Set(describeEndpoint(rowsOf(title)).map(({ field }) => field));
    for (const name of clientFields(`${file}.d.ts`, type)) {
      expect(fields).toContain(`\`${name}\``);
    }
  });
});

describe("the table of responses", () => {
  const endpoint = rowsOf("POST /v1/responses");
  const ignored = Object.keys(z.record(z.string(), z.string()).parse(Object(endpoint.ignoredValues).include));
  // Ids that are made up would differ each time.
  const input = [{ id: "msg_1", role: "user", content: "Hi" }];
  const understand = (include: readonly string[]) => endpoint.decode({ ...endpoint.base, input, include });
  const known = valuesOf("openai/resources/responses/responses.d.ts", "ResponseIncludable");

  it.each(known)("tells by trial whether %j is included or ignored", (value) => {
    expect(isDeepStrictEqual(understand([value]), understand([]))).toBe(ignored.includes(value));
  });

  it("lists no value of `include` that the official client doesn't have", () => {
    expect(known).toEqual(expect.arrayContaining(ignored));
    const row = describeEndpoint(endpoint).find(({ field }) => field === "`include`");
    expect(row).toMatchObject({
      outcome: "supported",
      values: 'array of 64 at most: `"message.output_text.logprobs"`',
    });
  });
});

describe("the table of chat completions", () => {
  const rows = describeEndpoint(rowsOf("POST /v1/chat/completions"));

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
  const endpoint = endpoints.find((candidate) => titleOf(candidate) === title);
  if (endpoint === undefined) throw new Error(`There is no endpoint ${title} in the table.`);
  return endpoint;
}

/** The values of a type that is one of several texts. */
function valuesOf(path: string, name: string): readonly string[] {
  const types = readFileSync(new URL(`../../node_modules/${path}`, import.meta.url), "utf8");
  const [, alternatives = ""] = new RegExp(`^export type ${name} = (.*);$`, "m").exec(types) ?? [];
  return [...alternatives.matchAll(/'([^']+)'/g)].map(([, value = ""]) => value);
}

/** The fields of an interface in the types of an official package. */
function clientFields(path: string, name: string): readonly string[] {
  const types = readFileSync(new URL(`../../node_modules/${path}`, import.meta.url), "utf8");
  const body = new RegExp(`^export interface ${name} \\{\\n(.*?)^\\}`, "ms").exec(types)?.[1] ?? "";
  const fields = [...body.matchAll(/^ {4}(\w+)\??:/gm)].map(([, field = ""]) => field);
  expect(fields).toContain("model");
  return fields;
}
