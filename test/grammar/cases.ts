import fc from "fast-check";
import type { JsonSchema } from "../../src/generation/request.ts";

/** A schema, and values that it admits, which are spelled as `JSON.stringify` does. */
export type Case = { readonly schema: Exclude<JsonSchema, boolean>; readonly values: fc.Arbitrary<unknown> };

const PATTERNS = [
  "^[a-z]+$",
  "^\\d{3}-\\d{4}$",
  "^(foo|bar|ba[zx])*$",
  "^[A-Z][\\w-]{0,5}$",
  '^"?[^"\\\\]*"?$',
  "^a.c$",
  "^\\S+@\\S+$",
  "^[^a-z]{2,4}$",
  "^(?:\\u00e9|\\x41)+$",
];

const FORMATS: Readonly<Record<string, readonly string[]>> = {
  date: ["2024-02-29", "1999-12-31", "2000-02-29", "0001-01-01"],
  time: ["23:59:59Z", "00:00:00.5+01:00"],
  "date-time": ["2024-02-29T12:00:00Z", "1999-12-31T23:59:59.999-08:00"],
  duration: ["P1Y2M3DT4H5M6S", "PT0S", "P3W"],
  uuid: ["123e4567-e89b-12d3-a456-426614174000"],
  email: ["a@b.co", "first.last+tag@mail.example.org"],
  hostname: ["localhost", "a-b.example.com"],
  ipv4: ["0.0.0.0", "255.249.199.9"],
  ipv6: ["::", "::1", "1:2:3:4:5:6:7:8", "fe80::1:2", "1:2:3:4:5:6:7::"],
  uri: ["https://example.com/a/b?c=d#e", "ftp://localhost:21"],
};

const KEYS = ["name", "a b", "ä", 'say "hi"', "x", "xy", "deep\\key", "🙂"];

const bounds = fc.tuple(fc.integer({ min: -1_000, max: 1_000 }), fc.nat({ max: 500 }));

const integers: fc.Arbitrary<Case> = bounds.map(([low, span]) => ({
  schema: { type: "integer", minimum: low, maximum: low + span },
  values: fc.integer({ min: low, max: low + span }),
}));

const multiples: fc.Arbitrary<Case> = fc.constantFrom(2, 3, 5, 7, 10, 12).map((step) => ({
  schema: { type: "integer", multipleOf: step, exclusiveMinimum: -1 },
  values: fc.nat({ max: 10_000 }).map((count) => count * step),
}));

/** In steps of a thousandth, which `JSON.stringify` writes without an exponent. */
const numbers: fc.Arbitrary<Case> = fc
  .tuple(fc.integer({ min: -20_000, max: 20_000 }), fc.integer({ min: 2, max: 5_000 }), fc.boolean(), fc.boolean())
  .map(([low, span, fromBelow, fromAbove]) => ({
    schema: {
      type: "number",
      [fromBelow ? "exclusiveMinimum" : "minimum"]: low / 1_000,
      [fromAbove ? "exclusiveMaximum" : "maximum"]: (low + span) / 1_000,
    },
    values: fc.integer({ min: low + 1, max: low + span - 1 }).map((thousandths) => thousandths / 1_000),
  }));

const halfOpen: fc.Arbitrary<Case> = fc
  .tuple(fc.constantFrom("minimum", "exclusiveMinimum"), fc.integer({ min: -50, max: 50 }))
  .map(([keyword, low]) => ({
    schema: { type: "number", [keyword]: low / 4 },
    values: fc.integer({ min: low * 25 + 1, max: 1_000_000 }).map((hundredths) => hundredths / 100),
  }));

const strings: fc.Arbitrary<Case> = fc.tuple(fc.nat({ max: 6 }), fc.nat({ max: 300 })).map(([minLength, more]) => ({
  schema: { type: "string", minLength, maxLength: minLength + more },
  values: fc.string({ unit: "binary", minLength, maxLength: Math.min(minLength + more, 400) }),
}));

const patterns: fc.Arbitrary<Case> = fc.constantFrom(...PATTERNS).map((pattern) => ({
  schema: { type: "string", pattern },
  values: fc.stringMatching(new RegExp(pattern, "u"), { maxLength: 12 }),
}));

const boundedPatterns: fc.Arbitrary<Case> = fc.constantFrom("^[a-z]+$", "^\\w*$", "b").map((pattern) => ({
  schema: { type: "string", pattern, minLength: 2, maxLength: 5 },
  values: fc.stringMatching(/^b[a-z]{1,4}$/),
}));

const formats: fc.Arbitrary<Case> = fc.constantFrom(...Object.entries(FORMATS)).map(([format, examples]) => ({
  schema: { type: "string", format },
  values: fc.constantFrom(...examples),
}));

const listed: fc.Arbitrary<Case> = fc
  .array(fc.jsonValue({ maxDepth: 1 }).map(canonical), { minLength: 1, maxLength: 6 })
  .map((values) => ({ schema: { enum: values }, values: fc.constantFrom(...values) }));

const plain: fc.Arbitrary<Case> = fc.constantFrom<Case>(
  { schema: { type: "null" }, values: fc.constant(null) },
  { schema: { type: "boolean" }, values: fc.boolean() },
  { schema: { type: "integer" }, values: fc.integer() },
  { schema: { type: ["string", "null"] }, values: fc.option(fc.string()) },
  { schema: {}, values: fc.constantFrom<unknown>([1, { a: [] }], {}, "x", 1.5) },
  { schema: { type: "object" }, values: fc.constantFrom<unknown>({}, { a: 1, b: { c: [null] } }) },
  { schema: { type: "number", multipleOf: 0.25 }, values: fc.constantFrom(0, -0.75, 12.5, 3) },
);

const { anything } = fc.letrec<{ anything: Case }>((tie) => {
  const child = tie("anything");
  return {
    anything: fc.oneof(
      { depthSize: "small", withCrossShrink: true },
      integers,
      multiples,
      numbers,
      halfOpen,
      strings,
      patterns,
      boundedPatterns,
      formats,
      listed,
      plain,
      fc
        .tuple(child, fc.nat({ max: 2 }), fc.nat({ max: 70 }))
        .map(([item, least, more]) => arrayCase(item, least, least + more)),
      fc.array(child, { minLength: 1, maxLength: 3 }).map(tupleCase),
      fc
        .tuple(
          fc.uniqueArray(fc.constantFrom(...KEYS), { maxLength: 5 }),
          fc.array(child, { minLength: 5, maxLength: 5 }),
          fc.nat(),
        )
        .map(([keys, items, required]) => objectCase(keys, items, required)),
      fc.tuple(child, fc.nat({ max: 3 })).map(([item, most]) => mapCase(item, most)),
      fc.tuple(child, child).map(([first, second]) => eitherCase(first, second)),
      fc.tuple(child, child).map(([first, second]) => taggedCase(first, second)),
      child.map((item) => treeCase(item)),
    ),
  };
});

export const anyCase: fc.Arbitrary<Case> = anything;

/** −0 is written as 0, and `__proto__` is a key like no other. */
function canonical(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value).replaceAll("__proto__", "proto").replaceAll("-0,", "0,"));
}

function arrayCase(item: Case, minItems: number, maxItems: number): Case {
  return {
    schema: { type: "array", items: item.schema, minItems, maxItems },
    values: fc.array(item.values, { minLength: minItems, maxLength: Math.min(maxItems, minItems + 3) }),
  };
}

function tupleCase(items: readonly Case[]): Case {
  return {
    schema: {
      type: "array",
      prefixItems: items.map(({ schema }) => schema),
      items: { type: "boolean" },
      minItems: 1,
      maxItems: 5,
    },
    values: fc
      .tuple(...items.map(({ values }) => values))
      .chain((prefix) =>
        fc
          .tuple(fc.integer({ min: 1, max: prefix.length }), fc.array(fc.boolean(), { maxLength: 2 }))
          .map(([length, rest]) => (length < prefix.length ? prefix.slice(0, length) : [...prefix, ...rest])),
      ),
  };
}

function objectCase(keys: readonly string[], items: readonly Case[], requiredBits: number): Case {
  const cases = keys.map((key, index) => ({
    key,
    item: items[index],
    isRequired: ((requiredBits >> index) & 1) === 1,
  }));
  const required = cases.flatMap(({ key, isRequired }) => (isRequired ? [key] : []));
  return {
    schema: {
      type: "object",
      properties: Object.fromEntries(cases.map(({ key, item }) => [key, item?.schema ?? {}])),
      required,
      additionalProperties: false,
    },
    values: fc
      .tuple(
        ...cases.map(({ key, item, isRequired }) => {
          const entry = (item?.values ?? fc.constant(null)).map((value): [string, unknown][] => [[key, value]]);
          return isRequired ? entry : fc.oneof(entry, fc.constant<[string, unknown][]>([]));
        }),
      )
      .map((entries) => Object.fromEntries(entries.flat())),
  };
}

function mapCase(item: Case, most: number): Case {
  return {
    schema: {
      type: "object",
      properties: { x: { type: "boolean" } },
      additionalProperties: item.schema,
      maxProperties: most + 1,
    },
    values: fc
      .tuple(
        fc.uniqueArray(fc.constantFrom("xx", "y", "w x", "é"), { maxLength: most }),
        fc.array(item.values, { minLength: 4, maxLength: 4 }),
      )
      .map(([keys, values]) => Object.fromEntries([["x", true], ...keys.map((key, index) => [key, values[index]])])),
  };
}

function eitherCase(first: Case, second: Case): Case {
  return { schema: { anyOf: [first.schema, second.schema] }, values: fc.oneof(first.values, second.values) };
}

function taggedCase(first: Case, second: Case): Case {
  const branch = (tag: string, { schema }: Case) => ({
    type: "object",
    properties: { kind: { const: tag }, value: schema },
    required: ["kind", "value"],
  });
  return {
    schema: { oneOf: [branch("first", first), branch("second", second)] },
    values: fc.oneof(
      first.values.map((value) => ({ kind: "first", value })),
      second.values.map((value) => ({ kind: "second", value })),
    ),
  };
}

/** `allOf` and a definition that refers to itself, at the root of a schema of its own. */
function treeCase(item: Case): Case {
  const tree = (children: unknown[]) => item.values.map((value) => ({ value, children }));
  return {
    schema: {
      allOf: [
        { type: "object", properties: { value: item.schema }, required: ["value"] },
        { properties: { children: { type: "array", maxItems: 2, items: { type: ["integer", "array"], items: {} } } } },
      ],
      required: ["children"],
    },
    values: fc.oneof(tree([]), tree([1, [2]])),
  };
}
