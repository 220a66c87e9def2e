import { parse as parseToml, stringify as stringifyToml } from "@decimalturn/toml-patch";
import fc from "fast-check";
import { parse as parseJson } from "jsonc-parser";
import { describe, expect, it } from "vitest";
import { parse as parseYaml, stringify as stringifyYaml } from "yaml";
import { type Edit, edit, type Format, UneditableError } from "../../../src/cli/connect/edit.ts";

const READ: Readonly<Record<Format, (text: string) => unknown>> = {
  json: (text) => parseJson(text, [], { allowTrailingComma: true }),
  yaml: (text) => parseYaml(text),
  toml: (text) => parseToml(text),
};

const WRITE: Readonly<Record<Format, (value: Record<string, unknown>) => string>> = {
  json: (value) => JSON.stringify(value, null, 4),
  yaml: (value) => stringifyYaml(value),
  toml: (value) => stringifyToml(value),
};

const formats = ["json", "yaml", "toml"] as const;

const EDITS: readonly Edit[] = [
  { path: ["model"], value: "small" },
  { path: ["providers", "sluice"], value: { url: "http://127.0.0.1:8080/v1", tokens: 4_096 } },
  { path: ["schema"], default: "v1" },
  { path: ["models"], by: "name", item: { name: "Sluice", model: "small" } },
];

const names = fc
  .stringMatching(/^[a-z][a-z_-]{0,8}$/)
  .filter((name) => !["model", "providers", "schema", "models"].includes(name));
const scalars = fc.oneof(fc.stringMatching(/^[ -~]{0,12}$/), fc.integer({ min: -1_000, max: 1_000 }), fc.boolean());
const tables = fc.dictionary(
  names,
  fc.oneof(scalars, fc.dictionary(names, scalars, { maxKeys: 3, noNullPrototype: true })),
  {
    maxKeys: 5,
    noNullPrototype: true,
  },
);

describe.each(formats)("the edit of a settings file in %s", (format) => {
  it("sets what is wanted, leaves all else as it was, and changes nothing a second time", () => {
    fc.assert(
      fc.property(tables, tables, (settings, providers) => {
        const former = { ...settings, providers, models: [{ name: "other", model: "large" }] };
        const once = edit(WRITE[format](former), format, EDITS);
        expect(READ[format](once)).toEqual({
          ...former,
          model: "small",
          providers: { ...providers, sluice: { url: "http://127.0.0.1:8080/v1", tokens: 4_096 } },
          schema: "v1",
          models: [...former.models, { name: "Sluice", model: "small" }],
        });
        expect(edit(once, format, EDITS)).toBe(once);
      }),
      { numRuns: 60 },
    );
  });

  it("makes a file of an empty one", () => {
    // No client's list is in TOML.
    const hasLists = format !== "toml";
    expect(READ[format](edit("", format, hasLists ? EDITS : EDITS.slice(0, 3)))).toEqual({
      model: "small",
      providers: { sluice: { url: "http://127.0.0.1:8080/v1", tokens: 4_096 } },
      schema: "v1",
      ...(hasLists && { models: [{ name: "Sluice", model: "small" }] }),
    });
  });

  it("keeps a default that somebody has chosen, and renews its own item of a list", () => {
    const former = WRITE[format]({
      schema: "v2",
      models: [
        { name: "Sluice", model: "old" },
        { name: "other", model: "large" },
      ],
    });
    expect(READ[format](edit(former, format, EDITS.slice(2)))).toEqual({
      schema: "v2",
      models: [
        { name: "Sluice", model: "small" },
        { name: "other", model: "large" },
      ],
    });
  });

  it("refuses a file that has something else where the settings belong", () => {
    expect(() => edit(WRITE[format]({ providers: "none" }), format, EDITS)).toThrow(UneditableError);
    expect(() => edit(WRITE[format]({ models: "none" }), format, EDITS)).toThrow("models is no list");
  });
});

describe("comments", () => {
  it.each([
    ["json", '// mine\n{\n  "a": 1, // and this\n}\n'],
    ["yaml", "# mine\na: 1 # and this\n"],
    ["toml", "# mine\na = 1 # and this\n\n[b]\nc = 2 # last\n"],
  ] as const)("stay in %s", (format, text) => {
    const edited = edit(text, format, EDITS.slice(0, 3));
    for (const comment of text.match(/(mine|and this|last)/g) ?? []) expect(edited).toContain(comment);
  });
});

describe("a broken file", () => {
  it.each([
    ["json", '{\n  "a": \n}', "line 3"],
    ["yaml", "a: [1\nb: 2", "line"],
    ["toml", "a = \n", "(1, "],
  ] as const)("is refused in %s, and the place is named", (format, text, place) => {
    expect(() => edit(text, format, EDITS)).toThrow(UneditableError);
    expect(() => edit(text, format, EDITS)).toThrow(place);
  });
});
