import { compareDecimals, wholeDecimal } from "../../json/decimal.ts";
import { MAX_PROPERTIES } from "../limits.ts";
import { widestPattern } from "./formats.ts";
import { type Reader, readKeywords } from "./keywords.ts";
import { NOT_PATTERN, NOT_TEXTS } from "./negate.ts";
import { createTolerance, type Tolerance } from "./tolerance.ts";
import type {
  ArrayFacts,
  Bound,
  Conjunction,
  MatchName,
  NumberFacts,
  ObjectFacts,
  StringFacts,
  TextRule,
  Variant,
} from "./variant.ts";

const TYPES = ["null", "boolean", "number", "string", "array", "object"] as const;
const KNOWN_TYPES: readonly string[] = [...TYPES, "integer"];
const LEAST_INT32 = wholeDecimal(-(2n ** 31n));
const MOST_INT32 = wholeDecimal(2n ** 31n - 1n);

/** The keywords that concern only one type. If `type` is missing, they imply it. */
const KEYWORDS_OF: Readonly<Record<(typeof TYPES)[number], readonly string[]>> = {
  null: [],
  boolean: [],
  number: ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"],
  string: ["minLength", "maxLength", "pattern", "format", NOT_PATTERN, NOT_TEXTS],
  array: [
    "items",
    "prefixItems",
    "additionalItems",
    "minItems",
    "maxItems",
    "uniqueItems",
    "contains",
    "unevaluatedItems",
  ],
  object: [
    "properties",
    "required",
    "additionalProperties",
    "patternProperties",
    "propertyNames",
    "minProperties",
    "maxProperties",
    "unevaluatedProperties",
  ],
};
const NUMBER_FORMATS: readonly string[] = ["int32", "int64", "float", "double"];

/** The tools to read a schema's facts. */
export type FactTools = {
  readonly tolerance: Tolerance;
  readonly matches: MatchName;
  /** Whether a pattern of names is supported; otherwise it is dropped. */
  readonly canFollow: (pattern: string, path: string) => boolean;
};

const NO_TOOLS: FactTools = { tolerance: createTolerance(), matches: () => false, canFollow: () => false };

/** Any value, by type. */
export const ANY_VALUE: readonly Variant[] = readFacts(
  readKeywords({}, "", NO_TOOLS.tolerance),
  undefined,
  "",
  NO_TOOLS,
);

/** Reads a schema's own keywords, except applicators, `enum` and references, for each type that its `type` allows. */
export function readFacts(
  reader: Reader,
  given: readonly string[] | undefined,
  path: string,
  tools: FactTools,
): readonly Variant[] {
  const unknown = given?.find((type) => !KNOWN_TYPES.includes(type));
  if (unknown !== undefined) {
    tools.tolerance.drop(path, "type", `'${unknown.slice(0, 64)}' is not a type of JSON Schema`);
  }
  const types = unknown === undefined ? given : undefined;
  const onlyIntegers = types !== undefined && !types.includes("number");
  return TYPES.filter(
    (type) => types === undefined || types.includes(type) || (type === "number" && types.includes("integer")),
  ).map((type) => {
    const facts = factsOf(type, onlyIntegers, reader, path, tools);
    return types === undefined && !isNamed(type, reader) ? { ...facts, isUnnamed: true } : facts;
  });
}

function isNamed(type: (typeof TYPES)[number], reader: Reader): boolean {
  const format = reader.value("format");
  const isOfNumbers = typeof format === "string" && NUMBER_FORMATS.includes(format);
  return type === "number" && isOfNumbers
    ? true
    : KEYWORDS_OF[type].some(
        (keyword) =>
          (keyword === "required" ? reader.isArray(keyword) : reader.has(keyword)) &&
          !(keyword === "format" && isOfNumbers),
      );
}

function factsOf(
  type: (typeof TYPES)[number],
  isInteger: boolean,
  reader: Reader,
  path: string,
  tools: FactTools,
): Variant {
  switch (type) {
    case "null":
    case "boolean":
      return { type, path };
    case "number":
      return { ...readNumber(reader, isInteger, path, tools), path };
    case "string":
      return { ...readString(reader, path), path };
    case "array":
      return { ...readArray(reader), path };
    case "object":
      return { ...readObject(reader, path, tools), path };
  }
}

function readNumber(reader: Reader, isInteger: boolean, path: string, { tolerance }: FactTools): NumberFacts {
  const format = reader.string("format");
  const bounds = {
    lower: boundsOf(reader, "minimum", "exclusiveMinimum"),
    upper: boundsOf(reader, "maximum", "exclusiveMaximum"),
  };
  if (format === "int32") {
    bounds.lower.push({ value: LEAST_INT32, isExclusive: false });
    bounds.upper.push({ value: MOST_INT32, isExclusive: false });
  }
  const step = reader.number("multipleOf");
  const multipleOf = step !== undefined && step.coefficient > 0n ? step : undefined;
  if (step !== multipleOf) {
    tolerance.drop(path, "multipleOf", "it must be greater than 0");
  }
  return {
    type: "number",
    isInteger: isInteger || format === "int32" || format === "int64",
    lower: tighterLower(bounds.lower),
    upper: tighterUpper(bounds.upper),
    multiplesOf: multipleOf === undefined ? [] : [multipleOf],
  };
}

/** Up to draft 4, and in OpenAPI 3.0, the exclusive keyword was a boolean about the other. */
function boundsOf(reader: Reader, inclusive: string, exclusive: string): Bound[] {
  const isOldForm = typeof reader.value(exclusive) === "boolean";
  return [
    ...boundOf(reader, inclusive, isOldForm && reader.value(exclusive) === true),
    ...(isOldForm ? [] : boundOf(reader, exclusive, true)),
  ];
}

function boundOf(reader: Reader, keyword: string, isExclusive: boolean): Bound[] {
  const value = reader.number(keyword);
  return value === undefined ? [] : [{ value, isExclusive }];
}

export function tighterLower(bounds: readonly (Bound | undefined)[]): Bound | undefined {
  return bounds.reduce((a, b) => {
    if (a === undefined || b === undefined) {
      return a ?? b;
    }
    const order = compareDecimals(b.value, a.value);
    return order > 0 || (order === 0 && b.isExclusive) ? b : a;
  }, undefined);
}

export function tighterUpper(bounds: readonly (Bound | undefined)[]): Bound | undefined {
  return bounds.reduce((a, b) => {
    if (a === undefined || b === undefined) {
      return a ?? b;
    }
    const order = compareDecimals(b.value, a.value);
    return order < 0 || (order === 0 && b.isExclusive) ? b : a;
  }, undefined);
}

function readString(reader: Reader, path: string): StringFacts {
  const rules = (["pattern", "format"] as const).flatMap((keyword): TextRule[] => {
    const value = reader.string(keyword);
    return value === undefined ? [] : [{ keyword, value, path, isNegated: false }];
  });
  const notPattern = reader.string(NOT_PATTERN);
  const notTexts = reader.strings(NOT_TEXTS);
  return {
    type: "string",
    min: reader.count("minLength") ?? 0,
    max: reader.count("maxLength") ?? Number.POSITIVE_INFINITY,
    rules: [
      ...rules,
      ...(notPattern === undefined ? [] : [{ keyword: "pattern", value: notPattern, path, isNegated: true } as const]),
      ...(notTexts.length === 0 ? [] : [{ keyword: "enum", value: notTexts, path, isNegated: true } as const]),
    ],
  };
}

function readArray(reader: Reader): ArrayFacts {
  // Before 2020-12, `items` was the prefix when it was an array, and `additionalItems` the rest.
  const isOldTuple = !reader.has("prefixItems") && reader.isArray("items");
  const prefix = reader.schemas(isOldTuple ? "items" : "prefixItems") ?? [];
  return {
    type: "array",
    prefix: prefix.map((item) => [item]),
    items: reader.schema(isOldTuple ? "additionalItems" : "items"),
    unevaluated: reader.schema("unevaluatedItems"),
    min: reader.count("minItems") ?? 0,
    max: reader.count("maxItems") ?? Number.POSITIVE_INFINITY,
    isUnique: reader.value("uniqueItems") === true,
  };
}

function readObject(reader: Reader, path: string, tools: FactTools): ObjectFacts {
  const { tolerance, matches, canFollow } = tools;
  const patterns = reader
    .schemaMap("patternProperties")
    .filter(([pattern]) => canFollow(pattern, path))
    .map(([pattern, schema]) => ({ pattern, path, conjunction: [schema] }));
  const declared = reader.schemaMap("properties");
  const required = reader.strings("required");
  if (declared.length > MAX_PROPERTIES || required.length > MAX_PROPERTIES) {
    tolerance.drop(path, "properties", `an object may have at most ${MAX_PROPERTIES} of them`);
  }
  const properties = declared.slice(0, MAX_PROPERTIES).map(([key, schema]): [string, Conjunction] => {
    const others = patterns.filter(({ pattern }) => matches(pattern, key));
    return [key, [schema, ...others.flatMap(({ conjunction }) => conjunction)]];
  });
  return {
    type: "object",
    properties: new Map(properties),
    required: new Set(required.slice(0, MAX_PROPERTIES)),
    additional: reader.schema("additionalProperties"),
    patterns,
    unevaluated: reader.schema("unevaluatedProperties"),
    names: reader.schema("propertyNames") ?? [],
    min: reader.count("minProperties") ?? 0,
    max: reader.count("maxProperties") ?? Number.POSITIVE_INFINITY,
  };
}

/**
 * Widens `variants` to all values that a validator may admit: grammars restrict formats more than their standards do, and which parts are
 * evaluated depends on all branches that a value matches.
 */
export function widenFacts(variants: readonly Variant[]): readonly Variant[] {
  const widened = variants.map(widen);
  return widened.some((variant, index) => variant !== variants[index]) ? widened : variants;
}

function widen(variant: Variant): Variant {
  switch (variant.type) {
    case "string":
      return variant.rules.some(isNarrowed)
        ? { ...variant, rules: variant.rules.flatMap((rule) => (isNarrowed(rule) ? widestRule(rule) : [rule])) }
        : variant;
    case "array":
    case "object":
      return variant.unevaluated === undefined ? variant : { ...variant, unevaluated: undefined };
    default:
      return variant;
  }
}

function isNarrowed(rule: TextRule): boolean {
  return rule.keyword === "format";
}

function widestRule({ value, path }: TextRule): readonly TextRule[] {
  const pattern = typeof value === "string" ? widestPattern(value) : undefined;
  return pattern === undefined ? [] : [{ keyword: "pattern", value: pattern, path, isNegated: false }];
}
