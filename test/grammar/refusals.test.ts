import { describe, expect, it } from "vitest";
import type { JsonSchema } from "../../src/generation/request.ts";
import { createGrammarBuilder } from "../../src/grammar/builder.ts";
import { UnsupportedSchemaError } from "../../src/grammar/errors.ts";
import { dropped, grammarOf, INTEGER, object, refusal } from "./support.ts";

const UNHELD: readonly (readonly [string, Record<string, unknown>])[] = [
  ["not", { not: { format: "date" } }],
  ["if", { if: { contains: {} }, else: { type: "null" } }],
  ["contains", { contains: {} }],
  ["uniqueItems", { type: "array", uniqueItems: true }],
  ["uniqueItems", { type: "array", uniqueItems: true, items: { type: "string" } }],
  ["format", { type: "string", format: "regex" }],
  ["pattern", { type: "string", pattern: "(a)\\1" }],
  ["pattern", { type: "string", pattern: "(?P<x>a)" }],
  ["patternProperties", { patternProperties: { "(a)\\1": {} } }],
  ["oneOf", { oneOf: [{ type: "string" }, { maxLength: 3, type: "string" }] }],
  ["type", { type: "text" }],
  ["format", { format: { toString: 1, valueOf: 2 } }],
  ["minLength", { type: "string", minLength: -1 }],
  ["$ref", { $ref: "https://example.com/schema.json" }],
  ["$ref", { $ref: "#/$defs/absent" }],
  ["enum", { enum: "a" }],
  ["properties", { properties: { a: 1 } }],
  ["minProperties", { type: "object", minProperties: 3 }],
];

describe("what can't be honoured", () => {
  it.each(UNHELD)("is refused by path and keyword if the schema is strict: %s of %j", (keyword, schema) => {
    expect(refusal(object({ "a b": { type: "array", items: schema } }))).toMatchObject({
      path: 'schema.properties["a b"].items',
      keyword,
    });
  });

  it.each(UNHELD)("is dropped and reported otherwise: %s of %j", (keyword, schema) => {
    const around = object({ "a b": { type: "array", items: schema }, n: INTEGER }, { required: ["n"] });
    expect(dropped(around)).toEqual([`.properties["a b"].items ${keyword}`]);
    const { accepts } = grammarOf(around);
    expect(accepts('{"a b":[],"n":1}')).toBe(true);
    expect(accepts('{"n":"1"}')).toBe(false);
  });

  it("is reported at every place where it occurs", () => {
    const schema = object({
      a: { type: "string", pattern: "(x)\\1" },
      b: { type: "string", pattern: "(x)\\1" },
      c: { type: "number", multipleOf: 0.0123457 },
      d: { type: "number", multipleOf: 0.0123457 },
    });
    expect(dropped(schema)).toEqual(
      ["a pattern", "b pattern", "c multipleOf", "d multipleOf"].map((one) => `.properties.${one}`),
    );
  });

  it("is the whole schema when any part of its grammar grows too large", () => {
    const lengths = [261_800, 261_950, 262_000, 262_100];
    const tooLarge = (length: number) => object({ a: { enum: ["x".repeat(length)] }, n: { type: "number" } });
    expect(lengths.map((length) => dropped(tooLarge(length)))).toEqual(lengths.map(() => [" schema"]));
  });

  it("does not include unknown formats, which are annotations", () => {
    expect(dropped({ type: "string", format: "phone-number" })).toEqual([]);
    expect(grammarOf({ type: "string", format: "phone-number" }).accepts('"x"')).toBe(true);
  });

  it("is a value that no text can finish", () => {
    expect(refusal(object({ next: { $ref: "#" } }, { required: ["next"] })).message).toContain(
      "no value can be finished",
    );
    expect(refusal({ type: "integer", minimum: 2, maximum: 1 }).message).toContain("no value can be finished");
  });

  it("is not an annotation, nor an assertion that says nothing", () => {
    const { accepts } = grammarOf({
      $schema: "https://json-schema.org/draft/2020-12/schema",
      $id: "https://example.com/x",
      title: "T",
      description: "D",
      default: 3,
      examples: [1],
      deprecated: true,
      "x-own": {},
      uniqueItems: false,
      patternProperties: {},
      type: "integer",
    });
    expect(accepts("3")).toBe(true);
  });
});

describe("a hostile schema", () => {
  const definitions = (count: number, one: (next: { $ref: string }) => unknown) => ({
    $ref: "#/$defs/a0",
    $defs: Object.fromEntries([
      ...Array.from({ length: count }, (_, index) => [`a${index}`, one({ $ref: `#/$defs/a${index + 1}` })]),
      [`a${count}`, { type: "null" }],
    ]),
  });

  it.each<[string, JsonSchema]>([
    ["a reference to itself", { $ref: "#" }],
    ["a long chain of references", definitions(5_000, (next) => next)],
    ["doubling alternatives", definitions(60, (next) => ({ anyOf: [next, next] }))],
    [
      "a product of alternatives",
      { allOf: Array.from({ length: 12 }, (_, i) => ({ anyOf: [{ required: [`a${i}`] }, { required: [`b${i}`] }] })) },
    ],
    ["nested counts", { type: "string", pattern: "^((a{1,50}){1,50}){1,50}$" }],
    ["an exponential pattern", { type: "string", pattern: "a.{40}$" }],
    ["a deep pattern", { type: "string", pattern: "(".repeat(2_000) + ")".repeat(2_000) }],
    [
      "a thousand optional properties",
      object(Object.fromEntries(Array.from({ length: 1_000 }, (_, index) => [`p${index}`, INTEGER]))),
    ],
    ["a large minimum", { type: "string", minLength: 1e9 }],
    ["deep nesting", Array.from({ length: 5_000 }).reduce<JsonSchema>((items) => ({ items }), {})],
  ])("is refused in time: %s", (_, schema) => {
    expect(refusal(schema)).toBeInstanceOf(UnsupportedSchemaError);
  });

  it.each<[string, JsonSchema]>([
    ["a huge maximum", { type: "array", items: { type: "string", maxLength: 1e9 }, maxItems: 1e9 }],
    ["thousands of values", { enum: Array.from({ length: 3_000 }, (_, index) => `value ${index}`) }],
    ["nested stars", { type: "string", pattern: "^((a*)*b?)*$" }],
    [
      "hundreds of optional properties",
      object(Object.fromEntries(Array.from({ length: 250 }, (_, index) => [`p${index}`, INTEGER]))),
    ],
  ])("makes a small grammar: %s", (_, schema) => {
    const builder = createGrammarBuilder();
    expect(builder.toGbnf(builder.schema(schema, "schema")).length).toBeLessThan(150_000);
  });
});
