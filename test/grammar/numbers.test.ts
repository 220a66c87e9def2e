import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { JsonSchema } from "../../src/generation/request.ts";
import { createGrammarBuilder } from "../../src/grammar/builder.ts";
import { createCompiledFormats } from "../../src/grammar/output.ts";
import { compareDecimals, type Decimal, isMultiple, isWhole, parseDecimal } from "../../src/json/decimal.ts";
import { isJsonObject } from "../../src/json/exact-number.ts";
import { readOwnJson } from "../../src/json/parse.ts";
import { interpret } from "./gbnf.ts";
import { grammarOf, refusal } from "./support.ts";

/** A schema as it is written, its numbers in their own spelling. */
function parse(text: string): JsonSchema {
  const schema = readOwnJson(text);
  if (!isJsonObject(schema)) throw new Error("not a schema");
  return schema;
}

function decimal(source: string): Decimal {
  const value = parseDecimal(source);
  if (value === undefined) throw new Error(`${source} is too large`);
  return value;
}

const LONG = "123456789012345678";
const FORTY = "1234567890123456789012345678901234567890";

describe("a number that is copied", () => {
  const json = createGrammarBuilder();
  it.each([
    ["any object", interpret(json.toGbnf(json.json())), ['{"id": ', "}"]],
    [
      "a schema with an integer",
      grammarOf({ type: "object", properties: { id: { type: "integer" } } }),
      ['{"id": ', "}"],
    ],
    ["a schema with a number", grammarOf({ type: "object", properties: { id: { type: "number" } } }), ['{"id": ', "}"]],
    ["a schema with a bound", grammarOf({ type: "integer", minimum: 0 }), ["", ""]],
    ["a schema with anything", grammarOf({}), ["", ""]],
  ])("may have 40 digits in %s, and no more", (_, { accepts }, [before, after]) => {
    for (const number of ["0", LONG, FORTY]) expect(accepts(`${before}${number}${after}`)).toBe(true);
    expect(accepts(`${before}${FORTY}1${after}`)).toBe(false);
  });

  it.each(["-123456789012345678", "0.1234567890123456789", "1e-300", "6.02214076E+23"])("may be %s", (number) => {
    expect(grammarOf({ type: "number" }).accepts(number)).toBe(true);
  });
});

describe("a listed number", () => {
  it.each([LONG, `-${LONG}`, "1.0", "1e400", "-0", "0.10000000000000000000001", "1E5"])(
    "is written as %s",
    (number) => {
      expect(grammarOf(parse(`{"const":${number}}`)).accepts(number)).toBe(true);
      const { accepts } = grammarOf(parse(`{"enum":["a",${number},{"b":[${number}]}]}`));
      expect(accepts(number)).toBe(true);
      expect(accepts(`{"b":[${number}]}`)).toBe(true);
    },
  );

  it("is not another one that is the same double", () => {
    const { accepts } = grammarOf(parse('{"enum":[725653563933458432,725653563933458434]}'));
    expect(["725653563933458432", "725653563933458434"].every(accepts)).toBe(true);
    expect(["725653563933458433", "725653563933458400"].some(accepts)).toBe(false);
  });

  it("is the same whatever its spelling", () => {
    expect(grammarOf(parse('{"const":1.0,"enum":[1,2]}')).accepts("1")).toBe(true);
    expect(grammarOf(parse('{"const":100,"allOf":[{"enum":[1e2,3]}]}')).accepts("100")).toBe(true);
    expect(grammarOf(parse('{"const":1.0,"type":"integer"}')).accepts("1.0")).toBe(true);
    expect(refusal(parse('{"const":725653563933458432,"enum":[725653563933458433]}')).message).toContain("no value");
  });
});

describe("a number's bound", () => {
  it.each([
    [`{"type":"integer","minimum":${LONG}}`, [LONG, "123456789012345679"], ["123456789012345677", "0"]],
    [`{"type":"integer","exclusiveMinimum":${LONG}}`, ["123456789012345679"], [LONG]],
    [`{"type":"integer","maximum":-${LONG}}`, [`-${LONG}`], ["-123456789012345677"]],
    ['{"type":"integer","minimum":9007199254740993}', ["9007199254740993"], ["9007199254740992"]],
    ['{"type":"number","maximum":0.12345678901234567890}', ["0.1234567890123456789"], ["0.12345678901234567891"]],
    ['{"type":"integer","minimum":1e20}', ["100000000000000000000"], ["99999999999999999999"]],
    ['{"type":"string","minLength":2.0,"maxLength":2e0}', ['"ab"'], ['"a"', '"abc"']],
    ['{"type":"integer","not":{"const":5.0},"minimum":4,"maximum":6}', ["4", "6"], ["5", "7"]],
    [
      '{"type":"integer","not":{"enum":[725653563933458434,"a"]},"minimum":725653563933458433}',
      ["725653563933458433", "725653563933458435"],
      ["725653563933458434", "725653563933458432"],
    ],
    ['{"type":"integer","multipleOf":1e6}', ["0", "7000000", "-1000000"], ["7000001", "100000"]],
    ['{"type":"integer","multipleOf":500,"minimum":0}', ["0", "500", "12500"], ["50", "5001", "-500"]],
    ['{"type":"number","multipleOf":0.01}', ["0.29", "0.2", "5", "-1.25"], ["0.001", "1.255"]],
    [
      '{"type":"integer","multipleOf":3,"minimum":123456789012345678,"maximum":123456789012345690}',
      ["123456789012345681"],
      ["123456789012345680"],
    ],
  ])("is exact: %s", (schema, right, wrong) => {
    const { accepts } = grammarOf(parse(schema));
    expect(right.filter((text) => !accepts(text))).toEqual([]);
    expect(wrong.filter(accepts)).toEqual([]);
  });

  it.each([
    ['{"type":"integer","minimum":1e41}', "minimum"],
    ['{"type":"number","maximum":-1e41}', "maximum"],
    ['{"type":"number","minimum":1e5000}', "minimum"],
    ['{"type":"integer","multipleOf":1000000007}', "multipleOf"],
    ['{"type":"integer","multipleOf":0.0}', "multipleOf"],
    ['{"type":"string","minLength":1.5}', "minLength"],
    ['{"properties":{"a":1.0}}', "properties"],
  ])("is refused when it can't be enforced: %s", (schema, keyword) => {
    expect(refusal(parse(schema)).keyword).toBe(keyword);
  });

  const bound = fc
    .tuple(fc.bigInt(-(10n ** 25n), 10n ** 25n), fc.integer({ min: -12, max: 3 }))
    .map(([a, b]) => `${a}e${b}`);
  const keyword = fc.constantFrom("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum");
  it("lets nothing beyond it, and what is near it, whatever its size", () => {
    fc.assert(
      fc.property(keyword, bound, fc.bigInt(-2n, 2n), fc.boolean(), (name, source, step, isInteger) => {
        const schema = parse(`{"type":"${isInteger ? "integer" : "number"}","${name}":${source}}`);
        const value = decimal(source);
        const near = `${value.coefficient + step}e${value.exponent}`;
        const written = plain(decimal(near));
        const order = compareDecimals(decimal(written), value);
        const isIn =
          name === "minimum"
            ? order >= 0
            : name === "maximum"
              ? order <= 0
              : name === "exclusiveMinimum"
                ? order > 0
                : order < 0;
        const { accepts } = grammarOf(schema);
        if (isInteger && !isWhole(decimal(written))) expect(accepts(written)).toBe(false);
        else expect(accepts(written)).toBe(isIn);
      }),
      { numRuns: 150 },
    );
  });

  it("knows the multiples of any step", () => {
    const steps = fc.constantFrom("1", "3", "7", "12", "25", "4e3", "0.1", "0.25", "0.03", "1.5", "12e-3");
    const grammars = new Map<string, (text: string) => boolean>();
    fc.assert(
      fc.property(
        steps,
        fc.integer({ min: -9_999_999, max: 9_999_999 }),
        fc.integer({ min: -3, max: 0 }),
        fc.boolean(),
        (step, count, power, times) => {
          const accepts = grammars.get(step) ?? grammarOf(parse(`{"type":"number","multipleOf":${step}}`)).accepts;
          grammars.set(step, accepts);
          const value = times
            ? decimal(`${BigInt(count) * decimal(step).coefficient}e${decimal(step).exponent}`)
            : decimal(`${count}e${power}`);
          expect(accepts(plain(value))).toBe(isMultiple(value, decimal(step)));
        },
      ),
      { numRuns: 500 },
    );
  });
});

/** The number without an exponent. */
function plain({ coefficient, exponent }: Decimal): string {
  const sign = coefficient < 0n ? "-" : "";
  const digits = String(coefficient < 0n ? -coefficient : coefficient);
  if (exponent >= 0) return sign + digits + (coefficient === 0n ? "" : "0".repeat(exponent));
  const padded = digits.padStart(1 - exponent, "0");
  return `${sign}${padded.slice(0, exponent)}.${padded.slice(exponent)}`;
}

it.each([0.25, 0.125, 25, 1.5])("multiples of %d leave room for the rest of a schema", (multipleOf) => {
  const { gbnf, dropped } = createCompiledFormats().compile(
    { type: "schema", schema: { type: "number", multipleOf } },
    "s",
  );
  expect(dropped).toEqual([]);
  expect(gbnf.length).toBeLessThan(16_384);
});
