import type { JsonSchema } from "../../generation/request.ts";
import { ROOT_PATH, stepPath, UnsupportedSchemaError } from "../errors.ts";
import { createBudget, type Effort, ExhaustedError, QUICK, WHOLE } from "../limits.ts";
import { createPrimitives } from "../primitives.ts";
import { createRuleBook } from "../rules.ts";
import { SOME_OF } from "./expand.ts";
import { isRecord, isSchemas } from "./keywords.ts";
import { boundSchema } from "./references.ts";
import type { DroppedKeyword } from "./tolerance.ts";
import { UnsatisfiableSchemaError, writeSchema } from "./write-schema.ts";

/** The most rounds of compiling: a dropped keyword may force others to be dropped. */
const MAX_ROUNDS = 6;

/** The rules of a schema's values, written as JSON. */
export type CompiledSchema = {
  /** The name of the first rule. */
  readonly root: string;
  readonly rules: ReadonlyMap<string, string>;
  /** The keywords that the rules don't enforce. Paths begin with `ROOT_PATH`. */
  readonly dropped: readonly DroppedKeyword[];
};

/**
 * Compiles `schema`. Any text of the rules is valid by all keywords that were not dropped; not every spelling of a valid value is allowed.
 * Throws `UnsatisfiableSchemaError` if no value is valid.
 */
export function compileSchema(schema: JsonSchema): CompiledSchema {
  try {
    return compileAll(schema, WHOLE);
  } catch (error) {
    if (!(error instanceof UnsupportedSchemaError) || error instanceof UnsatisfiableSchemaError) {
      throw error;
    }
    return dropAll(schema, error);
  }
}

/** Like `compileSchema`; undefined if that takes more than some ten milliseconds. */
export function compileQuickly(schema: JsonSchema): CompiledSchema | undefined {
  try {
    return compileAll(schema, QUICK);
  } catch (error) {
    if (error instanceof ExhaustedError) {
      return undefined;
    }
    if (!(error instanceof UnsupportedSchemaError) || error instanceof UnsatisfiableSchemaError) {
      throw error;
    }
    return dropAll(schema, error);
  }
}

/** Compiles only the schema's own type, if nothing else can be enforced. A keyword that is the reason comes first in `dropped`. */
export function dropAll(
  schema: JsonSchema,
  { path, keyword, reason }: Pick<DroppedKeyword, "path" | "keyword" | "reason">,
): CompiledSchema {
  const all = { path: ROOT_PATH, keyword: "schema", reason };
  const isNamed = path !== ROOT_PATH && keyword !== "schema";
  return { ...compileAny(schema), dropped: isNamed ? [{ path, keyword, reason }, all] : [all] };
}

/** Compiles only the schema's own type. */
function compileAny(schema: JsonSchema): Omit<CompiledSchema, "dropped"> {
  const book = createRuleBook();
  const primitives = createPrimitives(book);
  const type = typeof schema === "object" ? schema.type : undefined;
  const root = type === "object" ? primitives.object() : type === "array" ? primitives.array() : primitives.value();
  return { root, rules: book.rules() };
}

/**
 * A dropped keyword may have distinguished branches of `oneOf`, or may be part of a schema that must not match. So the schema is compiled
 * again without it, until nothing more is dropped.
 */
function compileAll(schema: JsonSchema, effort: Effort): CompiledSchema {
  boundSchema(schema, ROOT_PATH);
  const budget = createBudget(effort);
  const dropped = new Map<string, DroppedKeyword>();
  let kept = schema;
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    const { root, rules, isJudged, ...made } = writeSchema(kept, budget);
    const before = dropped.size;
    for (const one of made.dropped) {
      const key = `${one.path} ${one.keyword}`;
      dropped.set(key, dropped.get(key) ?? one);
    }
    if (!isJudged || dropped.size === before) {
      return { root, rules, dropped: [...dropped.values()] };
    }
    kept = leaveOut(schema, new Set(dropped.keys()), ROOT_PATH) as JsonSchema;
  }
  throw new UnsupportedSchemaError(
    ROOT_PATH,
    "schema",
    "the keywords that can't be enforced depend on too many others",
  );
}

/** Removes the keywords at `places` from `value`. A removed `oneOf` becomes `SOME_OF`. */
function leaveOut(value: unknown, places: ReadonlySet<string>, path: string): unknown {
  if (Array.isArray(value)) {
    return value.map((item, index) => leaveOut(item, places, stepPath(path, index)));
  }
  if (!isRecord(value)) {
    return value;
  }
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, inner]) => {
      const left = () => leaveOut(inner, places, stepPath(path, key));
      if (!places.has(`${path} ${key}`)) return [[key, left()]];
      return key === "oneOf" && isSchemas(inner) ? [[SOME_OF, left()]] : [];
    }),
  );
}
