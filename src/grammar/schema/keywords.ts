import type { JsonSchema } from "../../generation/request.ts";
import { type Decimal, parseDecimal } from "../../json/decimal.ts";
import { ExactNumber, isJsonObject, isNumber, sourceOf } from "../../json/exact-number.ts";
import { stepPath } from "../errors.ts";
import type { Tolerance } from "./tolerance.ts";
import type { Conjunction, Located } from "./variant.ts";

type SchemaObject = Exclude<JsonSchema, boolean>;

/** The keywords that can't be enforced, and the alternatives. */
const REFUSALS: ReadonlyMap<string, string> = new Map([["contains", "use items or prefixItems"]]);

/** Drops the keywords of `schema` that can't be enforced. Unknown ones are annotations. */
export function dropKeywords(schema: SchemaObject, path: string, tolerance: Tolerance): void {
  for (const [keyword, reason] of REFUSALS) {
    if (Object.hasOwn(schema, keyword) && schema[keyword] !== undefined) {
      tolerance.drop(path, keyword, reason);
    }
  }
}

/** Reads one schema's keywords. A keyword with an invalid value is dropped. */
export type Reader = {
  /** Returns any value. */
  readonly value: (keyword: string) => unknown;
  readonly has: (keyword: string) => boolean;
  readonly isArray: (keyword: string) => boolean;
  /** A non-negative integer. */
  readonly count: (keyword: string) => number | undefined;
  readonly number: (keyword: string) => Decimal | undefined;
  readonly string: (keyword: string) => string | undefined;
  readonly strings: (keyword: string) => readonly string[];
  readonly schema: (keyword: string) => Conjunction | undefined;
  readonly schemas: (keyword: string) => readonly Located[] | undefined;
  readonly schemaMap: (keyword: string) => readonly (readonly [string, Located])[];
};

export function readKeywords(schema: SchemaObject, path: string, tolerance: Tolerance): Reader {
  const own = (keyword: string): unknown => (Object.hasOwn(schema, keyword) ? schema[keyword] : undefined);

  function read<T>(keyword: string, isRight: (value: unknown) => value is T, expected: string): T | undefined {
    const value = own(keyword);
    if (value !== undefined && !isRight(value)) {
      tolerance.drop(path, keyword, `it must be ${expected}`);
      return undefined;
    }
    return value;
  }

  return {
    value: own,
    has: (keyword) => own(keyword) !== undefined,
    isArray: (keyword) => Array.isArray(own(keyword)),
    count: (keyword) => toCount(read(keyword, isCount, "a non-negative integer")),
    number(keyword) {
      const value = read(keyword, isNumber, "a number");
      const decimal = value === undefined ? undefined : parseDecimal(sourceOf(value));
      if (value !== undefined && decimal === undefined) {
        tolerance.drop(path, keyword, "its exponent is too large to be worked with");
      }
      return decimal;
    },
    string: (keyword) => read(keyword, isString, "a string"),
    strings: (keyword) => read(keyword, isStrings, "an array of strings") ?? [],
    schema(keyword) {
      const value = read(keyword, isSchema, "a schema: an object or a boolean");
      return value === undefined ? undefined : [{ schema: value, path: stepPath(path, keyword) }];
    },
    schemas(keyword) {
      const list = read(keyword, isSchemas, "an array of schemas");
      return list?.map((item, index) => ({ schema: item, path: stepPath(stepPath(path, keyword), index) }));
    },
    schemaMap(keyword) {
      const map = read(keyword, isSchemaMap, "an object whose values are schemas") ?? {};
      return Object.entries(map).map(
        ([key, item]) => [key, { schema: item, path: stepPath(stepPath(path, keyword), key) }] as const,
      );
    },
  };
}

export const isRecord = isJsonObject;

export function isSchema(value: unknown): value is JsonSchema {
  return typeof value === "boolean" || isRecord(value);
}

function isString(value: unknown): value is string {
  return typeof value === "string";
}

function isStrings(value: unknown): value is string[] {
  return Array.isArray(value) && value.every(isString);
}

/** Also in spellings such as 3.0. */
function isCount(value: unknown): value is number | ExactNumber {
  const count = isNumber(value) ? toCount(value) : undefined;
  return count !== undefined && Number.isInteger(count) && count >= 0;
}

function toCount(value: number | ExactNumber | undefined): number | undefined {
  return value instanceof ExactNumber ? Number(value.source) : value;
}

/** Whether `value` is a list of schemas. */
export function isSchemas(value: unknown): value is JsonSchema[] {
  return Array.isArray(value) && value.every(isSchema);
}

function isSchemaMap(value: unknown): value is Readonly<Record<string, JsonSchema>> {
  return isRecord(value) && Object.values(value).every(isSchema);
}
