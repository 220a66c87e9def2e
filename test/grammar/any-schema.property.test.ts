import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import fc from "fast-check";
import { expect, it } from "vitest";
import { compileHeld, createGrammarBuilder } from "../../src/grammar/builder.ts";
import { stepPath, UnsupportedSchemaError } from "../../src/grammar/errors.ts";
import { interpret } from "./gbnf.ts";

/** For a machine that is busy with other things. */
const TIMEOUT_MS = 120_000;
const RUNS = Number(process.env.SLUICE_TEST_RUNS ?? 150);

type Json = Record<string, unknown>;

const NAMES = ["a", "b", "c1", "x-y"];
/** As a name of its own, or it would be taken for a promise. */
const THEN = "then";
const PATTERNS = ["^[a-c]", "\\d$", "^x", "^[^b]*$", "b|c"];
const VALUES = [null, true, false, 0, 1, -3, "a", "b", "c1", "", [], [1, "a"], { a: 1 }, { b: [true], a: "x" }];
const name = fc.constantFrom(...NAMES);
const count = fc.nat({ max: 4 });

/** Few keywords at once, as people write them; all of them together leave no value. */
function few(schema: Json): fc.Arbitrary<Json> {
  return fc
    .subarray(Object.keys(schema), { maxLength: 4 })
    .map((keys) => Object.fromEntries(keys.map((key) => [key, schema[key]])));
}

/** Schemas of any keywords together, also such as mean nothing together. */
const { schema: anySchema } = fc.letrec<{ schema: Json; inner: Json | boolean }>((tie) => {
  const inner = tie("inner");
  const inners = fc.array(inner, { minLength: 1, maxLength: 3 });
  const types = fc.constantFrom("null", "boolean", "number", "integer", "string", "array", "object");
  return {
    inner: fc.oneof(
      { depthSize: "small", withCrossShrink: true, maxDepth: 3 },
      fc.constantFrom<Json | boolean>(
        true,
        {},
        { type: "string" },
        { type: "integer" },
        { type: "null" },
        { const: "a" },
      ),
      fc.constantFrom<Json | boolean>(false, { type: "object" }, { $ref: "#" }, { enum: ["a", 1, null] }),
      tie("schema").chain(few),
    ),
    schema: fc.record(
      {
        type: fc.oneof(types, fc.uniqueArray(types, { minLength: 1, maxLength: 3 })),
        enum: fc.uniqueArray(fc.constantFrom(...VALUES), { minLength: 1, maxLength: 4, comparator: "SameValue" }),
        const: fc.constantFrom(...VALUES),
        properties: fc.dictionary(name, inner, { maxKeys: 3 }),
        required: fc.uniqueArray(name, { maxLength: 2 }),
        additionalProperties: inner,
        patternProperties: fc.dictionary(fc.constantFrom(...PATTERNS), inner, { maxKeys: 2 }),
        propertyNames: fc.constantFrom<Json>({ minLength: 2 }, { pattern: "^[a-z]" }, { enum: NAMES }),
        minProperties: count,
        maxProperties: count,
        dependentRequired: fc.dictionary(name, fc.uniqueArray(name, { maxLength: 2 }), { maxKeys: 2 }),
        dependentSchemas: fc.dictionary(name, inner, { maxKeys: 1 }),
        unevaluatedProperties: inner,
        items: inner,
        prefixItems: inners,
        minItems: count,
        maxItems: count,
        uniqueItems: fc.boolean(),
        contains: inner,
        unevaluatedItems: inner,
        minLength: count,
        maxLength: count,
        pattern: fc.constantFrom(...PATTERNS, "(a)\\1"),
        format: fc.constantFrom("date", "ipv4", "json-pointer", "regex", "unheard-of"),
        minimum: fc.integer({ min: -5, max: 5 }),
        exclusiveMaximum: fc.integer({ min: -5, max: 9 }),
        multipleOf: fc.constantFrom(1, 2, 3, 0.5),
        allOf: inners,
        anyOf: inners,
        oneOf: inners,
        not: inner,
        if: inner,
        [THEN]: inner,
        else: inner,
      },
      { requiredKeys: [] },
    ) as fc.Arbitrary<Json>,
  };
});

const fewKeywords = anySchema.chain(few);

/** `schema` without the keywords at these places. */
function without(schema: unknown, places: ReadonlySet<string>, path = ""): unknown {
  if (Array.isArray(schema)) {
    return schema.map((item, index) => without(item, places, stepPath(path, index)));
  }
  if (typeof schema !== "object" || schema === null) {
    return schema;
  }
  return Object.fromEntries(
    Object.entries(schema).flatMap(([key, value]) =>
      places.has(`${path} ${key}`) ? [] : [[key, without(value, places, stepPath(path, key))]],
    ),
  );
}

/**
 * Whether a schema may meet a fault of Ajv's own:
 * - It forgets what `unevaluatedItems` in a branch of `anyOf` or `oneOf` evaluated, and rejects `[1]` here, though its item is evaluated
 *   (JSON Schema 2020-12, 11.2): `{"oneOf":[{"unevaluatedItems":true}],"unevaluatedItems":false}`.
 * - Its code fails for an `if` beside `patternProperties` in a branch of `anyOf`.
 */
function isBeyondAjv(schema: unknown): boolean {
  const text = JSON.stringify(schema);
  const count = (keyword: string) => text.split(`"${keyword}":`).length - 1;
  const meetsConditions = count("if") > 0 && count("patternProperties") > 0;
  const hasBranches = count("anyOf") + count("oneOf") > 0;
  return (hasBranches && count("unevaluatedItems") > 1) || (count("anyOf") > 0 && meetsConditions);
}

function validatorOf(schema: unknown): ValidateFunction | undefined {
  if (isBeyondAjv(schema)) return undefined;
  const ajv = new Ajv2020({ strict: false, logger: false, inlineRefs: false });
  addFormats.default(ajv);
  try {
    return ajv.compile(schema as Json);
  } catch {
    // Such as `allOf` of a reference to itself.
    return undefined;
  }
}

/** Also true when Ajv can't tell, because the schema sends it into endless recursion. */
function isValid(validate: ValidateFunction, value: unknown): boolean {
  try {
    return validate(value);
  } catch (error) {
    expect(String(error)).toMatch(/^RangeError/);
    return true;
  }
}

it(
  "writes only values that are valid against what was kept of any schema",
  () => {
    let written = 0;
    fc.assert(
      fc.property(fewKeywords, fc.array(fc.nat(), { minLength: 3, maxLength: 3 }), (schema, seeds) => {
        let gbnf: string;
        let places: ReadonlySet<string>;
        try {
          const builder = createGrammarBuilder();
          gbnf = builder.toGbnf(builder.schema(schema, ""));
          places = new Set(compileHeld(schema, "", false).dropped.map(({ path, keyword }) => `${path} ${keyword}`));
        } catch (error) {
          expect(error).toBeInstanceOf(UnsupportedSchemaError);
          return;
        }
        const validate = places.has(" schema") ? undefined : validatorOf(without(schema, places));
        if (validate === undefined) {
          return;
        }
        const grammar = interpret(gbnf);
        for (const seed of seeds) {
          const text = grammar.write(seed);
          written += 1;
          const report = () => `${text}\n${JSON.stringify([...places])}\n${JSON.stringify(validate.errors)}`;
          expect(isValid(validate, JSON.parse(text)), report()).toBe(true);
        }
      }),
      { numRuns: RUNS },
    );
    expect(written).toBeGreaterThan(RUNS / 2);
  },
  TIMEOUT_MS,
);
