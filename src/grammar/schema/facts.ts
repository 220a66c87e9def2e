import { compareDecimals, wholeDecimal } from "../../json/decimal.ts";
import { UnsupportedSchemaError } from "../errors.ts";
import { MAX_PROPERTIES } from "../limits.ts";
import { type Reader, readKeywords } from "./keywords.ts";
import type {
  ArrayFacts,
  Bound,
  Conjunction,
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

/** What any value is, by type. */
export const ANY_VALUE: readonly Variant[] = TYPES.map((type) => factsOf(type, false, readKeywords({}, ""), ""));

/** What a schema's own keywords say, for each type that its `type` allows; applicators, `enum` and references are not among them. */
export function readFacts(reader: Reader, types: readonly string[] | undefined, path: string): Variant[] {
  const unknown = types?.find((type) => !KNOWN_TYPES.includes(type));
  if (unknown !== undefined) {
    throw new UnsupportedSchemaError(path, "type", `'${unknown}' is not a type of JSON Schema`);
  }
  const onlyIntegers = types !== undefined && !types.includes("number");
  return TYPES.filter(
    (type) => types === undefined || types.includes(type) || (type === "number" && types.includes("integer")),
  ).map((type) => factsOf(type, onlyIntegers, reader, path));
}

function factsOf(type: (typeof TYPES)[number], isInteger: boolean, reader: Reader, path: string): Variant {
  switch (type) {
    case "null":
    case "boolean":
      return { type, path };
    case "number":
      return { ...readNumber(reader, isInteger, path), path };
    case "string":
      return { ...readString(reader, path), path };
    case "array":
      return { ...readArray(reader), path };
    case "object":
      return { ...readObject(reader, path), path };
  }
}

function readNumber(reader: Reader, isInteger: boolean, path: string): NumberFacts {
  const format = reader.string("format");
  const bounds = {
    lower: [...boundOf(reader, "minimum", false), ...boundOf(reader, "exclusiveMinimum", true)],
    upper: [...boundOf(reader, "maximum", false), ...boundOf(reader, "exclusiveMaximum", true)],
  };
  if (format === "int32") {
    bounds.lower.push({ value: LEAST_INT32, isExclusive: false });
    bounds.upper.push({ value: MOST_INT32, isExclusive: false });
  }
  const multipleOf = reader.number("multipleOf");
  if (multipleOf !== undefined && multipleOf.coefficient <= 0n) {
    throw new UnsupportedSchemaError(path, "multipleOf", "it must be greater than 0");
  }
  return {
    type: "number",
    isInteger: isInteger || format === "int32" || format === "int64",
    lower: tighterLower(bounds.lower),
    upper: tighterUpper(bounds.upper),
    multiplesOf: multipleOf === undefined ? [] : [multipleOf],
  };
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
    return value === undefined ? [] : [{ keyword, value, path }];
  });
  return {
    type: "string",
    min: reader.count("minLength") ?? 0,
    max: reader.count("maxLength") ?? Number.POSITIVE_INFINITY,
    rules,
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
    min: reader.count("minItems") ?? 0,
    max: reader.count("maxItems") ?? Number.POSITIVE_INFINITY,
  };
}

function readObject(reader: Reader, path: string): ObjectFacts {
  const properties = new Map(
    reader.schemaMap("properties").map(([key, schema]): [string, Conjunction] => [key, [schema]]),
  );
  const required = new Set(reader.strings("required"));
  if (properties.size > MAX_PROPERTIES || required.size > MAX_PROPERTIES) {
    throw new UnsupportedSchemaError(path, "properties", `an object may have at most ${MAX_PROPERTIES} of them`);
  }
  return {
    type: "object",
    properties,
    required,
    additional: reader.schema("additionalProperties"),
    names: reader.schema("propertyNames") ?? [],
    min: reader.count("minProperties") ?? 0,
    max: reader.count("maxProperties") ?? Number.POSITIVE_INFINITY,
  };
}
