import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { describe, expect, it } from "vitest";
import { compileSchema } from "../../src/grammar/schema/compile.ts";
import { FORMAT_NAMES } from "../../src/grammar/schema/formats.ts";
import { dropped, grammarOf } from "./support.ts";

const ajv = new Ajv2020({ strict: false, logger: false });
addFormats.default(ajv);

/** In the forms in which the libraries and programs named write them. All of each is held. */
const WHOLE: readonly (readonly [string, Record<string, unknown>])[] = [
  [
    "pydantic v2: a model in a model, optional fields, a union by a tag",
    {
      $defs: {
        Cat: {
          properties: {
            kind: { const: "cat", title: "Kind", type: "string" },
            lives: { default: 9, title: "Lives", type: "integer" },
          },
          required: ["kind"],
          title: "Cat",
          type: "object",
        },
        Dog: {
          properties: { kind: { const: "dog", type: "string" } },
          required: ["kind"],
          title: "Dog",
          type: "object",
        },
      },
      properties: {
        pet: {
          discriminator: { mapping: { cat: "#/$defs/Cat", dog: "#/$defs/Dog" }, propertyName: "kind" },
          oneOf: [{ $ref: "#/$defs/Cat" }, { $ref: "#/$defs/Dog" }],
          title: "Pet",
        },
        nick: { anyOf: [{ type: "string" }, { type: "null" }], default: null, title: "Nick" },
        born: { format: "date", title: "Born", type: "string" },
        weight: { exclusiveMinimum: 0, title: "Weight", type: "number" },
      },
      required: ["pet", "born", "weight"],
      title: "Owner",
      type: "object",
    },
  ],
  [
    "zod-to-json-schema: a record, a tuple, a literal union, a recursive type",
    {
      $schema: "http://json-schema.org/draft-07/schema#",
      $ref: "#/definitions/Node",
      definitions: {
        Node: {
          type: "object",
          properties: {
            id: { type: "string", format: "uuid" },
            mode: { type: "string", enum: ["a", "b"] },
            pair: { type: "array", minItems: 2, maxItems: 2, items: [{ type: "number" }, { type: "string" }] },
            labels: { type: "object", additionalProperties: { type: "string" } },
            children: { type: "array", items: { $ref: "#/definitions/Node" } },
          },
          required: ["id", "mode"],
          additionalProperties: false,
        },
      },
    },
  ],
  [
    "Claude Code: a tool that edits files",
    {
      $schema: "https://json-schema.org/draft/2020-12/schema",
      type: "object",
      properties: {
        file_path: { description: "The absolute path to the file to modify", type: "string" },
        old_string: { type: "string" },
        new_string: { type: "string" },
        replace_all: { default: false, type: "boolean" },
        timeout: { type: "integer", exclusiveMinimum: 0, maximum: 9007199254740991 },
      },
      required: ["file_path", "old_string", "new_string"],
      additionalProperties: false,
    },
  ],
  [
    "Codex: a shell tool",
    {
      type: "object",
      properties: {
        command: { type: "array", items: { type: "string" } },
        workdir: { type: "string" },
        timeout_ms: { type: "number" },
      },
      required: ["command"],
      additionalProperties: false,
    },
  ],
  [
    "an MCP server: URLs, unknown formats, no type, an enum of types",
    {
      properties: {
        url: { type: "string", format: "uri", description: "URL to fetch", title: "Url", minLength: 1 },
        ref: { type: "string", format: "uri-reference" },
        shade: { type: "string", format: "color" },
        max_length: {
          default: 5000,
          exclusiveMaximum: 1000000,
          exclusiveMinimum: 0,
          title: "Max Length",
          type: "integer",
        },
        value: { type: ["string", "number", "boolean", "null"] },
      },
      required: ["url"],
    },
  ],
  [
    "OpenAPI 3.0: nullable, exclusive bounds as booleans, formats of numbers",
    {
      type: "object",
      properties: {
        count: { type: "integer", format: "int32", minimum: 0, exclusiveMinimum: true },
        note: { type: "string", nullable: true, maxLength: 200 },
        at: { type: "string", format: "date-time" },
        price: { type: "number", format: "double", multipleOf: 0.01 },
      },
      required: ["count"],
    },
  ],
  [
    "conditions: a card needs its number, a key needs another, some names follow a pattern",
    {
      type: "object",
      properties: {
        by: { enum: ["card", "cash"] },
        card: { type: "string", pattern: "^\\d{4}$" },
        name: { type: "string" },
      },
      required: ["by"],
      if: { properties: { by: { const: "card" } } },
      [["th", "en"].join("")]: { required: ["card"] },
      dependentRequired: { card: ["name"] },
      patternProperties: { "^x-": { type: "integer" } },
    },
  ],
  [
    "Pydantic's decimal number",
    {
      type: "object",
      properties: {
        price: { anyOf: [{ type: "number" }, { type: "string", pattern: "^(?!^[-+.]*$)[+-]?0*\\d*\\.?\\d*$" }] },
      },
      required: ["price"],
    },
  ],
  [
    "a password by look-ahead, names by Unicode, a set of flags",
    {
      type: "object",
      properties: {
        password: { type: "string", pattern: "^(?=.*[A-Z])(?=.*\\d)[A-Za-z\\d]{8,12}$" },
        name: { type: "string", pattern: "^\\p{Lu}\\p{Ll}{1,20}$" },
        flags: { type: "array", items: { enum: ["r", "w", "x"] }, uniqueItems: true },
        other: { not: { enum: ["admin", "root"] }, type: "string" },
      },
      required: ["password", "name", "flags", "other"],
    },
  ],
];

describe("a schema as libraries and programs write it", () => {
  it.each(WHOLE)("is held as a whole: %s", (_, schema) => {
    expect(dropped(schema)).toEqual([]);
    // What Ajv knows in another form, or counts in doubles.
    const text = JSON.stringify(schema).replace(
      /"exclusiveMinimum":true,?|"multipleOf":0.01,?|"format":"(color|double)",?/g,
      "",
    );
    const old = text.replace(/"items":\[/g, '"prefixItems":[').replace("http://json-schema.org/draft-07/schema#", "");
    const validate = ajv.compile(JSON.parse(old.replace(/,\}/g, "}").replace('"$schema":"",', "")));
    const grammar = grammarOf(schema);
    for (const seed of [1, 2, 3, 4, 5, 6, 7, 8]) {
      const written = grammar.write(seed);
      expect(validate(JSON.parse(written)), `${written} ${JSON.stringify(validate.errors)}`).toBe(true);
    }
  });

  it("is reported as dropped when its grammar is too large, and keeps its type", () => {
    const schema = {
      type: "object",
      properties: Object.fromEntries(
        FORMAT_NAMES.flatMap((format) =>
          [1, 2].map((minLength) => [`${format}${minLength}`, { type: "string", format, minLength, maxLength: 40 }]),
        ),
      ),
    } as const;
    expect(compileSchema(schema).dropped).toEqual([
      { path: "$", keyword: "schema", reason: "its grammar would be too large; make it simpler" },
    ]);
    expect(grammarOf(schema).accepts('{"any":[1]}')).toBe(true);
    expect(grammarOf(schema).accepts("[1]")).toBe(false);
  });

  it("has constants in any spelling", () => {
    const { accepts } = grammarOf({ enum: [{ b: 1, a: ["x", { c: null }] }] });
    for (const text of ['{"b":1,"a":["x",{"c":null}]}', '{ "a": [ "x", { "c": null } ], "b": 1 }']) {
      expect(accepts(text), text).toBe(true);
    }
    for (const text of ['{"b":1}', '{"b":1,"a":["x",{"c":null}],"b":1}', '{"a":["x"],"b":1}']) {
      expect(accepts(text), text).toBe(false);
    }
  });

  it("has only the type of its keywords when it names none", () => {
    const { accepts } = grammarOf({ properties: { a: { minimum: 3 }, b: { items: { maxLength: 1 } } } });
    expect(accepts('{"a":3,"b":["x"]}')).toBe(true);
    for (const text of ["null", "7", '"x"', '{"a":"x"}', '{"b":{}}', '{"b":["xy"]}', '{"b":[1]}']) {
      expect(accepts(text), text).toBe(false);
    }
  });
});
