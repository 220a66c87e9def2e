import { describe, expect, it } from "vitest";
import { dropped, grammarOf, INTEGER, object, refusal } from "./support.ts";

/** As a name of its own, or it would be taken for a promise. */
const THEN = "then";

describe("an object", () => {
  it("has any subset of its optional properties, in order, with commas between them", () => {
    const { accepts } = grammarOf(object({ a: INTEGER, b: INTEGER, c: INTEGER }, { required: ["b"] }));
    for (const text of ['{"b":1}', '{"a":1,"b":1}', '{"b":1,"c":1}', '{"a":1,"b":1,"c":1}']) {
      expect(accepts(text), text).toBe(true);
    }
    for (const text of ["{}", '{"a":1}', '{"b":1,"a":1}', '{"b":1,}', '{,"b":1}', '{"b":1"c":1}', '{"b":1,"b":1}']) {
      expect(accepts(text), text).toBe(false);
    }
  });

  it("has no other properties when it names some and doesn't mention others", () => {
    expect(grammarOf(object({ a: INTEGER })).accepts('{"z":1}')).toBe(false);
    expect(grammarOf({ type: "object" }).accepts('{"z":1}')).toBe(true);
  });

  it("has other properties when additionalProperties allows them, never with a declared name", () => {
    const { accepts } = grammarOf(object({ ab: INTEGER }, { additionalProperties: { type: "boolean" } }));
    expect(accepts('{"ab":1,"a":true,"abc":false}')).toBe(true);
    expect(accepts('{"x":true}')).toBe(true);
    expect(accepts('{"ab":true}')).toBe(false);
    expect(accepts('{"x":1}')).toBe(false);
    expect(accepts('{"\\u0061b":true}')).toBe(false);
  });

  it("has names that propertyNames admits", () => {
    const { accepts } = grammarOf({
      type: "object",
      propertyNames: { type: "string", pattern: "^[a-z]$" },
      additionalProperties: INTEGER,
      maxProperties: 2,
    });
    expect(accepts('{"a":1,"b":2}')).toBe(true);
    expect(accepts('{"ab":1}')).toBe(false);
    expect(accepts('{"a":1,"b":2,"c":3}')).toBe(false);
  });

  it("has a required property that is not declared", () => {
    const { accepts } = grammarOf({ type: "object", required: ["a"] });
    expect(accepts('{"a":[]}')).toBe(true);
    expect(accepts('{"b":1}')).toBe(false);
  });

  it("counts its properties", () => {
    const { accepts } = grammarOf(
      object({ a: INTEGER, b: INTEGER, c: INTEGER }, { minProperties: 1, maxProperties: 2 }),
    );
    expect(accepts("{}")).toBe(false);
    expect(accepts('{"c":1}')).toBe(true);
    expect(accepts('{"a":1,"c":1}')).toBe(true);
    expect(accepts('{"a":1,"b":1,"c":1}')).toBe(false);
  });

  it("has white space after its brackets, commas and colons, in bounds", () => {
    const { accepts } = grammarOf(object({ a: INTEGER, b: INTEGER }));
    expect(accepts('{"a":1,"b":2}')).toBe(true);
    expect(accepts('{ "a": 1, "b": 2 }')).toBe(true);
    expect(accepts('{\n  "a": 1,\n  "b": 2\n}')).toBe(true);
    expect(accepts('{\n\n"a":1}')).toBe(false);
    expect(accepts(`{${" ".repeat(2)}"a":1}`)).toBe(false);
    expect(accepts('{"a":1}\n')).toBe(false);
  });
});

describe("alternatives", () => {
  it("are anyOf, type lists and nullable", () => {
    for (const schema of [
      { anyOf: [{ type: "integer" }, { type: "null" }] },
      { type: ["integer", "null"] },
      { type: "integer", nullable: true },
    ]) {
      const { accepts } = grammarOf(schema);
      expect([accepts("1"), accepts("null"), accepts('"1"')]).toEqual([true, true, false]);
    }
  });

  it("match one branch of oneOf when a required tag, the type or a range distinguishes the branches", () => {
    const tagged = grammarOf({
      oneOf: [
        object({ kind: { const: "a" }, x: INTEGER }, { required: ["kind"] }),
        object({ kind: { const: "b" } }, { required: ["kind"] }),
      ],
    });
    expect(tagged.accepts('{"kind":"a","x":1}')).toBe(true);
    expect(tagged.accepts('{"kind":"b","x":1}')).toBe(false);
    expect(
      grammarOf({
        oneOf: [{ type: "string" }, { type: "integer", maximum: 0 }, { type: "integer", minimum: 1 }],
      }).accepts("1"),
    ).toBe(true);
  });

  it("match one branch of oneOf when each requires a property that the other is written without", () => {
    const { accepts } = grammarOf({
      oneOf: [object({ a: INTEGER }, { required: ["a"] }), object({ b: INTEGER }, { required: ["b"] })],
    });
    expect(accepts('{"a":1}')).toBe(true);
    expect(accepts('{"b":1}')).toBe(true);
    expect(accepts('{"a":1,"b":1}')).toBe(false);
  });

  it("match any branch of oneOf when two may match, unless the schema is strict", () => {
    const schema = object({ x: { oneOf: [{ type: "string" }, { type: "string", maxLength: 3 }] } });
    const error = refusal(schema);
    expect(error).toMatchObject({ path: "schema.properties.x", keyword: "oneOf" });
    expect(error.message).toContain("[0] and [1]");
    expect(grammarOf(schema).accepts('{"x":"long enough"}')).toBe(true);
    expect(dropped(schema)).toEqual([".properties.x oneOf"]);
  });

  const tagged = (k: string) => object({ k: { const: k } }, { required: ["k"] });

  it.each<[string, readonly Record<string, unknown>[]]>([
    ["a condition says nothing of other types", [{ const: "a" }, { minimum: -1, dependentRequired: { a: ["b"] } }]],
    ["a grammar can't say all that a condition admits", [{ const: 1.5 }, { not: { type: "integer" } }]],
    ["a format is written more narrowly than others read it", [{ const: "a@b" }, { type: "string", format: "email" }]],
    [
      "the inner oneOf is written more narrowly than it is",
      [{ const: { k: "x", z: 1 } }, { oneOf: ["x", "y"].map(tagged) }],
    ],
    [
      "what is unevaluated depends on all branches",
      [
        { const: { a: 1, b: 1 } },
        { unevaluatedProperties: false, anyOf: ["a", "b"].map((a) => object({ [a]: {} }, { required: [a] })) },
      ],
    ],
  ])("match any branch of oneOf when an unwritten value may match another: %s", (_, oneOf) => {
    expect(dropped({ oneOf })).toEqual([" oneOf"]);
  });

  it.each<[string, Record<string, unknown>]>([
    ["uniqueItems", { oneOf: [{ const: [1, 1] }, { type: "array", uniqueItems: true }] }],
    ["minItems", { oneOf: [{ const: [] }, { type: "array", minItems: 70_000 }] }],
  ])("match any branch of oneOf when a dropped keyword distinguished them: %s", (keyword, schema) => {
    expect(dropped(schema)).toEqual([`.oneOf[1] ${keyword}`, " oneOf"]);
  });

  it.each<[string, readonly Record<string, unknown>[], string, string]>([
    [
      "what the other must not have",
      [
        { required: ["a"], not: { required: ["b"] } },
        { required: ["b"], not: { required: ["a"] } },
      ],
      '{"a":1}',
      '{"a":1,"b":1}',
    ],
    ["a tag in branches of branches", [{ oneOf: ["x", "y"].map(tagged) }, tagged("z")], '{"k":"y"}', '{"k":"a"}'],
    [
      "formats",
      [
        { type: "string", format: "date" },
        { type: "string", format: "date-time" },
      ],
      '"2024-02-29"',
      '"x"',
    ],
  ])("match one branch of oneOf when it distinguishes them: %s", (_, oneOf, right, wrong) => {
    const schema = { oneOf, properties: { a: INTEGER, b: INTEGER } };
    expect(dropped(schema)).toEqual([]);
    const { accepts } = grammarOf(schema);
    expect([accepts(right), accepts(wrong)]).toEqual([true, false]);
  });

  it("are left out when nothing satisfies them", () => {
    const { accepts } = grammarOf({ anyOf: [object({ a: false }, { required: ["a"] }), { enum: [] }, { const: 1 }] });
    expect(accepts("1")).toBe(true);
    expect(accepts("{")).toBe(false);
  });
});

describe("unevaluatedProperties and unevaluatedItems", () => {
  const k = (value: unknown) => ({ properties: { k: { const: value } }, required: ["k"] });

  it.each<[string, Record<string, unknown>, readonly string[], readonly string[]]>([
    ["an if that fails", { if: k(1), [THEN]: {}, else: { type: "object" } }, ['{"k":1}', "{}"], ['{"k":2}']],
    [
      "an if that fails, in a part",
      { allOf: [{ if: k(1), else: { properties: { a: {} } } }] },
      ['{"k":1}', '{"a":2}', "{}"],
      ['{"k":2}', '{"a":1,"k":2}'],
    ],
    ["not", { not: k(1) }, ["{}"], ['{"k":2}']],
    [
      "not, where const is listed besides",
      { not: k(1), anyOf: [{ const: { k: 2 } }, { const: {} }] },
      ["{}"],
      ['{"k":2}'],
    ],
    [
      "not of not",
      { not: { not: { patternProperties: { "^a": {} }, required: ["a"] } }, properties: { a: {} } },
      ['{"a":1}'],
      ['{"a":1,"ab":1}'],
    ],
  ])("count nothing as evaluated by %s", (_, schema, right, wrong) => {
    const whole = { type: "object", unevaluatedProperties: false, ...schema };
    expect(dropped(whole)).toEqual([]);
    const { accepts } = grammarOf(whole);
    expect([...right, ...wrong].filter(accepts)).toEqual(right);
  });

  it("count the items that unevaluatedItems evaluates in a branch of anyOf", () => {
    const anyOf = [{ unevaluatedItems: true }, { prefixItems: [{}] }];
    expect(grammarOf({ type: "array", anyOf, unevaluatedItems: false }).accepts("[1,2]")).toBe(true);
  });

  it("know the subject of a condition that the schema declares, too", () => {
    const { accepts } = grammarOf({
      type: "object",
      properties: { k: INTEGER },
      if: k(1),
      [THEN]: { properties: { a: INTEGER } },
      unevaluatedProperties: false,
    });
    const texts = ['{"k":2}', '{"k":1,"a":1}', '{"a":1}', '{"k":2,"a":1}'];
    expect(texts.map(accepts)).toEqual([true, true, false, false]);
  });

  it("are left out beside a oneOf that is left out, also in a part, unless all of it is known besides", () => {
    const oneOf = ["a", "b"].map((name) => object({ [name]: INTEGER }));
    const closed = { type: "object", unevaluatedProperties: false };
    expect(dropped({ ...closed, oneOf })).toEqual([" oneOf", " unevaluatedProperties"]);
    expect(dropped({ ...closed, allOf: [{ oneOf }] })).toEqual([".allOf[0] oneOf", " unevaluatedProperties"]);
    expect(dropped({ ...closed, properties: { a: {}, b: {} }, oneOf })).toEqual([" oneOf"]);
    expect(grammarOf({ ...closed, oneOf }).accepts('{"a":1}')).toBe(true);
    const tuples = [{ prefixItems: [INTEGER] }, { prefixItems: [{ minimum: 1 }] }];
    expect(dropped({ type: "array", unevaluatedItems: false, oneOf: tuples })).toEqual([" oneOf", " unevaluatedItems"]);
    expect(refusal({ ...closed, oneOf })).toMatchObject({ keyword: "oneOf" });
  });
});

describe("allOf", () => {
  it("keeps to what a part says of properties that only others know", () => {
    const { accepts } = grammarOf({
      type: "object",
      additionalProperties: INTEGER,
      allOf: [{ unevaluatedProperties: { enum: [1] } }],
    });
    expect([accepts('{"a":1}'), accepts('{"a":2}')]).toEqual([true, false]);
  });

  it("joins what its parts say about an object", () => {
    const { accepts } = grammarOf({
      allOf: [{ $ref: "#/$defs/base" }, object({ b: { minimum: 5 } }, { required: ["b"] })],
      $defs: { base: object({ a: { type: "string" }, b: INTEGER }, { required: ["a"] }) },
    });
    expect(accepts('{"a":"","b":5}')).toBe(true);
    expect(accepts('{"a":"","b":4}')).toBe(false);
    expect(accepts('{"b":5}')).toBe(false);
  });

  it("keeps only the listed values that the other parts admit", () => {
    const { accepts } = grammarOf({ enum: ["a", 1, null, "abc"], allOf: [{ type: "string" }, { minLength: 2 }] });
    expect([accepts('"abc"'), accepts('"a"'), accepts("1")]).toEqual([true, false, false]);
  });

  it("joins patterns, formats and lengths", () => {
    const { accepts } = grammarOf({
      type: "string",
      pattern: "^[a-z]+$",
      minLength: 2,
      allOf: [{ pattern: "b" }, { maxLength: 3 }],
    });
    expect([accepts('"ab"'), accepts('"abc"'), accepts('"b"'), accepts('"ac"'), accepts('"abcd"')]).toEqual([
      true,
      true,
      false,
      false,
      false,
    ]);
  });
});

describe("an array", () => {
  it("keeps to its prefix, its items and its length", () => {
    const { accepts } = grammarOf({
      type: "array",
      prefixItems: [{ type: "string" }, INTEGER],
      items: { type: "boolean" },
      minItems: 1,
      maxItems: 3,
    });
    expect([accepts('["a"]'), accepts('["a",1]'), accepts('["a",1,true]')]).toEqual([true, true, true]);
    expect([accepts("[]"), accepts("[1]"), accepts('["a",true]'), accepts('["a",1,true,true]')]).toEqual([
      false,
      false,
      false,
      false,
    ]);
  });

  it("counts far", () => {
    const { accepts } = grammarOf({ type: "array", items: { const: 1 }, minItems: 130, maxItems: 500 });
    const ones = (count: number) => `[${Array.from({ length: count }, () => 1).join()}]`;
    expect([129, 130, 131, 257, 499, 500, 501].map((count) => accepts(ones(count)))).toEqual([
      false,
      true,
      true,
      true,
      true,
      true,
      false,
    ]);
  });
});

describe("a string", () => {
  it("is counted in code points, an escape being one", () => {
    const { accepts } = grammarOf({ type: "string", minLength: 2, maxLength: 2 });
    for (const text of ['"ab"', '"🙂é"', '"\\n\\u00e9"', '"\\ud83d\\ude42a"']) {
      expect(accepts(text), text).toBe(true);
    }
    for (const text of ['"a"', '"abc"', '"\\ud83d\\ude42"', '"\\ud83da"', '"a\n"']) {
      expect(accepts(text), text).toBe(false);
    }
  });

  it("keeps to its pattern inside of the escapes of JSON", () => {
    const { accepts } = grammarOf({ type: "string", pattern: '^["\\\\\\n]$' });
    expect([accepts('"\\""'), accepts('"\\\\"'), accepts('"\\n"')]).toEqual([true, true, true]);
    expect([accepts('"""'), accepts('"\\"'), accepts('"n"')]).toEqual([false, false, false]);
  });

  it("may have anything around a pattern that is not bound to the ends", () => {
    const { accepts } = grammarOf({ type: "string", pattern: "a|^b" });
    expect([accepts('"xay"'), accepts('"bx"'), accepts('"xb"')]).toEqual([true, true, false]);
  });
});

describe("a number", () => {
  it.each([
    [{ type: "integer", minimum: -17, maximum: 12 }, ["-17", "-9", "0", "12"], ["-18", "13", "-0", "01", "1.0"]],
    [{ type: "number", exclusiveMinimum: 0 }, ["0.001", "7", "12.5"], ["0", "0.0", "-1", "0.000"]],
    [{ type: "number", minimum: 0.5, exclusiveMaximum: 2 }, ["0.5", "1", "1.999"], ["0.4", "0", "2", "2.0", "0.49"]],
    [{ type: "number", maximum: -1.25 }, ["-1.25", "-2", "-1.3"], ["-1.2", "1", "-1.249"]],
    [{ type: "integer", multipleOf: 7 }, ["0", "14", "-21", "1001"], ["1", "13", "7.0"]],
    [{ type: "number", multipleOf: 0.5 }, ["0", "0.5", "-3.5", "2.0"], ["0.25", "1.1"]],
    [{ type: "integer", format: "int32" }, ["2147483647", "-2147483648"], ["2147483648"]],
    [{ type: "integer", minimum: 0, maximum: 1e300 }, ["0", "123456789012345"], ["-1"]],
  ])("keeps to %j", (schema, right, wrong) => {
    const { accepts } = grammarOf(schema);
    expect(right.filter((text) => !accepts(text))).toEqual([]);
    expect(wrong.filter(accepts)).toEqual([]);
  });
});

describe("a listed value", () => {
  it("may be any JSON, spelled as JSON.stringify does", () => {
    const values = ["a", "ab", 'q"\\', 1, -1.5, null, true, { b: 1, a: [] }, []];
    const { accepts } = grammarOf({ enum: values });
    expect(values.filter((value) => !accepts(JSON.stringify(value)))).toEqual([]);
    expect(accepts('"abc"')).toBe(false);
  });
});
