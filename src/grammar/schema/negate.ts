import type { JsonSchema } from "../../generation/request.ts";
import { type ExactNumber, isNumber, sourceOf } from "../../json/exact-number.ts";
import { isRecord, isSchema } from "./keywords.ts";

/** Sluice's own keywords, in generated schemas: patterns that a string must not match, and texts that it must not be. */
export const NOT_PATTERN = "\0notPattern";
export const NOT_TEXTS = "\0notTexts";

const TYPES = ["null", "boolean", "number", "string", "array", "object"] as const;
/** The maximum depth of references in references, `not` in `not`, and so on. */
const MAX_DEPTH = 16;
/** Each number doubles the combinations. */
const MAX_NUMBERS = 4;

type SchemaObject = Exclude<JsonSchema, boolean>;
type Tools = {
  readonly resolve: (reference: string) => JsonSchema | undefined;
  /** Called if the negation lacks some of the values that break the schema. */
  readonly lose: () => void;
};

/**
 * Returns a schema of the values that `schema` does not admit: all, or fewer if a grammar can't express them. Undefined if it can express
 * none.
 *
 * A value that breaks a schema breaks one of its keywords, so each is negated separately.
 */
export function negate(schema: JsonSchema, tools: Tools, depth = 0): JsonSchema | undefined {
  if (typeof schema === "boolean") {
    return !schema;
  }
  if (depth > MAX_DEPTH) {
    return undefined;
  }
  const again = (inner: unknown): JsonSchema | undefined =>
    isSchema(inner) ? negate(inner, tools, depth + 1) : undefined;
  const keywords = Object.keys(schema).filter((keyword) => !ANNOTATIONS.includes(keyword));
  if (keywords.length === 0) {
    return false;
  }
  const alternatives = keywords.flatMap((keyword) => {
    const made = negateKeyword(keyword, schema[keyword], schema, again, tools);
    if (made.length === 0) tools.lose();
    return made;
  });
  const possible = alternatives.filter((alternative) => alternative !== false);
  return alternatives.length === 0 ? undefined : possible.length === 0 ? false : { anyOf: possible };
}

/** Keywords that don't restrict values. To be safe, unknown keywords count as impossible to negate. */
const ANNOTATIONS: readonly string[] = [
  ..."$schema $id $comment $anchor $defs definitions title description default examples example".split(" "),
  ..."deprecated readOnly writeOnly discriminator nullable".split(" "),
];

function negateKeyword(
  keyword: string,
  value: unknown,
  schema: SchemaObject,
  again: (inner: unknown) => JsonSchema | undefined,
  tools: Tools,
): readonly JsonSchema[] {
  const all = (list: readonly (JsonSchema | undefined)[]) => {
    const known = list.filter((item) => item !== undefined);
    if (known.length < list.length) tools.lose();
    return known;
  };
  switch (keyword) {
    case "type":
      return withoutTypes([value].flat(), schema.nullable === true, tools);
    case "const":
      return withoutValues([value], tools);
    case "enum":
      return Array.isArray(value) ? withoutValues(value, tools) : [];
    case "pattern":
      return typeof value === "string" ? [{ type: "string", [NOT_PATTERN]: value }] : [];
    case "minLength":
      return isPositive(value) ? [{ type: "string", maxLength: countOf(value) - 1 }] : [false];
    case "maxLength":
      return isNumber(value) ? [{ type: "string", minLength: countOf(value) + 1 }] : [];
    case "minimum":
      return isNumber(value) ? [{ type: "number", exclusiveMaximum: value }] : [];
    case "maximum":
      return isNumber(value) ? [{ type: "number", exclusiveMinimum: value }] : [];
    case "minItems":
      return isPositive(value) ? [{ type: "array", maxItems: countOf(value) - 1 }] : [false];
    case "maxItems":
      return isNumber(value) ? [{ type: "array", minItems: countOf(value) + 1 }] : [];
    case "required":
      return [value].flat().flatMap((key) => (typeof key === "string" ? [{ ...lacking(key), type: "object" }] : []));
    case "properties":
      return Object.entries(isRecord(value) ? value : {}).flatMap(([key, inner]) =>
        all([again(inner)]).map((not) => ({ type: "object", properties: { [key]: not }, required: [key] })),
      );
    case "not":
      return isSchema(value) ? [value] : [];
    case "allOf":
      return Array.isArray(value) ? all(value.map(again)) : [];
    case "anyOf": {
      const parts = Array.isArray(value) ? value.map(again) : [];
      const known = all(parts);
      return known.length === parts.length ? [{ allOf: known }] : [];
    }
    case "$ref":
      return typeof value === "string" ? all([again(tools.resolve(value))]) : [];
    default:
      return [];
  }
}

/** Returns a schema of the objects without the property `key`, and of all other types. */
export function lacking(key: string): SchemaObject {
  return { properties: { [key]: false } };
}

function withoutTypes(types: readonly unknown[], isNullable: boolean, { lose }: Tools): readonly JsonSchema[] {
  // The result lacks numbers that are not whole.
  if (types.includes("integer") && !types.includes("number")) lose();
  const left = TYPES.filter(
    (type) =>
      !types.includes(type) &&
      !(type === "number" && types.includes("integer")) &&
      !(type === "null" && (isNullable || types.includes("null"))),
  );
  return left.length === 0 ? [false] : [{ type: left }];
}

/**
 * Excludes `values`. To exclude an array or an object it excludes all of them, and all numbers if there are many, since they have many
 * spellings.
 */
function withoutValues(values: readonly unknown[], { lose }: Tools): readonly JsonSchema[] {
  const texts = values.filter((value) => typeof value === "string");
  const numbers = values.filter(isNumber);
  const kinds = new Set(values.map(kindOf));
  if (kinds.has("array") || kinds.has("object") || numbers.length > MAX_NUMBERS) lose();
  const left = TYPES.filter((type) => type !== "boolean" && (type === "string" || !kinds.has(type)));
  const booleans = [true, false].filter((value) => !values.includes(value));
  return [
    { type: left, ...(texts.length > 0 && { [NOT_TEXTS]: texts }) },
    ...(booleans.length > 0 ? [{ enum: booleans }] : []),
    ...between(numbers),
  ];
}

/** Returns the numbers other than `numbers`, if these are few. */
function between(numbers: readonly (number | ExactNumber)[]): readonly JsonSchema[] {
  if (numbers.length === 0 || numbers.length > MAX_NUMBERS) return [];
  const sides = numbers.map((number) => ({ anyOf: [{ exclusiveMaximum: number }, { exclusiveMinimum: number }] }));
  return [{ type: "number", allOf: sides }];
}

function kindOf(value: unknown): string {
  return value === null ? "null" : Array.isArray(value) ? "array" : isNumber(value) ? "number" : typeof value;
}

function isPositive(value: unknown): value is number | ExactNumber {
  return isNumber(value) && countOf(value) > 0;
}

function countOf(value: number | ExactNumber): number {
  return Number(sourceOf(value));
}
