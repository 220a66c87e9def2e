import type { JsonSchema } from "../../generation/request.ts";
import { stepPath, UnsupportedSchemaError } from "../errors.ts";
import { isRecord, isSchema } from "./keywords.ts";
import { lacking, negate } from "./negate.ts";
import type { Tolerance } from "./tolerance.ts";
import type { Located } from "./variant.ts";

type SchemaObject = Exclude<JsonSchema, boolean>;

/** The keywords for conditions and negation. */
const CONDITIONS = ["not", "if", "dependentRequired", "dependentSchemas", "dependencies"] as const;

/** Sluice's own keyword, in generated schemas: its schema must match, but evaluates nothing. */
export const UNEVALUATING = "\0unevaluating";

export type ConditionTools = {
  readonly resolve: (reference: string, path: string) => Located;
  readonly tolerance: Tolerance;
};

/** A schema made from a condition. */
type Condition = {
  readonly keyword: string;
  readonly schema: Located;
  /** Whether it admits every value that the condition admits. */
  readonly isExact: boolean;
};

/**
 * Rewrites the conditions of `schema` as schemas with `anyOf`: either the condition and its consequence hold, or the condition doesn't. They
 * admit no value that breaks the condition; if a grammar can't ensure that, the keyword is dropped.
 */
export function rewriteConditions(
  schema: SchemaObject,
  path: string,
  { resolve, tolerance }: ConditionTools,
): readonly Condition[] {
  let isExact = true;
  const lose = () => {
    isExact = false;
  };
  const not = (inner: JsonSchema, keyword: string): JsonSchema => {
    const follow = (reference: string) => tolerance.probe(() => resolve(reference, path))?.schema;
    const found = negate(inner, { resolve: follow, lose });
    if (found === undefined) {
      throw new UnsupportedSchemaError(
        path,
        keyword,
        "a grammar can only say what is allowed; list the allowed values instead",
      );
    }
    return found;
  };
  return CONDITIONS.filter((keyword) => Object.hasOwn(schema, keyword) && schema[keyword] !== undefined).flatMap(
    (keyword) => {
      tolerance.rewrite(path, keyword);
      isExact = true;
      const made = tolerance.attempt(path, keyword, () => rewrite(keyword, schema, path, not), []);
      return made.map((one) => ({ keyword, isExact, schema: { schema: one, path: stepPath(path, keyword) } }));
    },
  );
}

function rewrite(
  keyword: (typeof CONDITIONS)[number],
  schema: SchemaObject,
  path: string,
  not: (inner: JsonSchema, keyword: string) => JsonSchema,
): readonly JsonSchema[] {
  const value = schema[keyword];
  if (keyword === "if" || keyword === "not") {
    if (!isSchema(value)) {
      throw new UnsupportedSchemaError(path, keyword, "it must be a schema: an object or a boolean");
    }
    return keyword === "not"
      ? [{ [UNEVALUATING]: not(value, keyword) }]
      : rewriteIf(value, schema, (inner) => not(inner, keyword));
  }
  if (!isRecord(value)) {
    throw new UnsupportedSchemaError(path, keyword, "it must be an object");
  }
  return Object.entries(value).map(([key, needs]) => {
    const then = Array.isArray(needs) ? { required: needs } : needs;
    if (!isSchema(then)) {
      throw new UnsupportedSchemaError(path, keyword, "its values must be lists of names, or schemas");
    }
    return { anyOf: [lacking(key), { allOf: [{ type: "object", required: [key] }, then] }] };
  });
}

function rewriteIf(
  condition: JsonSchema,
  { then, else: otherwise }: SchemaObject,
  not: (inner: JsonSchema) => JsonSchema,
): readonly JsonSchema[] {
  const holds = isSchema(then) ? then : true;
  const fails = isSchema(otherwise) ? otherwise : true;
  if (holds === true && fails === true) {
    return [];
  }
  return [{ anyOf: [{ allOf: [condition, holds] }, { allOf: [fails], [UNEVALUATING]: not(condition) }] }];
}
