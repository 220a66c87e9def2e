import { LRUCache } from "lru-cache";
import type { JsonSchema } from "../generation/request.ts";
import { UnsupportedSchemaError } from "./errors.ts";
import { type CompiledSchema, compileSchema, ROOT_PATH } from "./schema/compile.ts";
import { boundSchema } from "./schema/references.ts";

/** How many characters of schemas and rules are kept, those that were used last. */
const MAX_KEPT_CHARACTERS = 16 * 1024 * 1024;

/** What came of a schema: its rules, or why there are none. Paths begin with `ROOT_PATH`. */
export type SchemaOutcome = CompiledSchema | UnsupportedSchemaError;

export type CompiledSchemas = {
  /** The rules of `schema`: those of the last time, or compiled now. Throws `UnsupportedSchemaError`, with a path from `ROOT_PATH` on. */
  readonly compile: (schema: JsonSchema) => CompiledSchema;
};

/** Keeps what came of the schemas that were used last, refusals too: the same ones come with request after request. */
export function createCompiledSchemas(): CompiledSchemas {
  const kept = new LRUCache<string, SchemaOutcome>({
    maxSize: MAX_KEPT_CHARACTERS,
    sizeCalculation: (outcome, key) => key.length + sizeOf(outcome),
  });
  return {
    compile(schema) {
      boundSchema(schema, ROOT_PATH);
      const key = JSON.stringify(schema);
      const outcome = kept.get(key) ?? outcomeOf(schema);
      kept.set(key, outcome);
      if (outcome instanceof UnsupportedSchemaError) {
        throw outcome;
      }
      return outcome;
    },
  };
}

function outcomeOf(schema: JsonSchema): SchemaOutcome {
  try {
    return compileSchema(schema);
  } catch (error) {
    if (error instanceof UnsupportedSchemaError) {
      return error;
    }
    throw error;
  }
}

function sizeOf(outcome: SchemaOutcome): number {
  if (outcome instanceof UnsupportedSchemaError) {
    return 1_000;
  }
  const rules = Array.from(outcome.rules, ([name, body]) => name.length + body.length);
  return rules.reduce((sum, length) => sum + length, 0) + outcome.dropped.length * 200 + 100;
}

/** The schemas of this process. */
export const compiledSchemas = createCompiledSchemas();

/** `path`, which begins with `ROOT_PATH`, as one that begins with `root`. */
export function placeIn(root: string, path: string): string {
  return root + path.slice(ROOT_PATH.length);
}
