import { LRUCache } from "lru-cache";
import type { Asker } from "../generation/model.ts";
import type { JsonSchema } from "../generation/request.ts";
import { type ApartCompiler, apartCompiler } from "./compile-apart.ts";
import { ROOT_PATH, UnsupportedSchemaError } from "./errors.ts";
import { type CompiledSchema, compileQuickly, compileSchema, dropAll } from "./schema/compile.ts";
import { boundSchema } from "./schema/references.ts";

/** The most characters of schemas and rules in the cache (least recently used ones are evicted). */
const MAX_KEPT_CHARACTERS = 16 * 1024 * 1024;

const TOO_LONG = { path: ROOT_PATH, keyword: "schema", reason: "it takes too long to compile; make it simpler" };

/** The outcome of compiling a schema: its rules or the error. Paths begin with `ROOT_PATH`. */
type SchemaOutcome = CompiledSchema | UnsupportedSchemaError;

export type CompiledSchemas = {
  /** The rules of `schema`, from the cache or compiled now. Throws `UnsupportedSchemaError`, with a path from `ROOT_PATH` on. */
  readonly compile: (schema: JsonSchema) => CompiledSchema;
  /**
   * Compiles `schema` if it isn't cached, in another thread if it is slow, so that `compile` takes no time. Throws `OverloadedError` if too
   * many wait, and the reason of the asker's signal when aborted.
   */
  readonly prepare: (schema: JsonSchema, asker?: Asker) => Promise<void>;
};

/** Caches compiled schemas, including refusals: clients send the same ones with many requests. */
export function createCompiledSchemas(apart: ApartCompiler = apartCompiler): CompiledSchemas {
  const kept = new LRUCache<string, SchemaOutcome>({
    maxSize: MAX_KEPT_CHARACTERS,
    sizeCalculation: (outcome, key) => key.length + sizeOf(outcome),
  });
  const underway = new Map<string, Promise<void>>();

  async function compileApart(schema: JsonSchema, key: string, asker: Asker | undefined): Promise<void> {
    const told = await apart.compile({ kind: "schema", text: key }, asker);
    if (told === undefined) {
      kept.set(key, dropAll(schema, TOO_LONG));
      return;
    }
    const refused = "refused" in told ? told.refused : undefined;
    kept.set(
      key,
      "compiled" in told
        ? told.compiled
        : new UnsupportedSchemaError(refused?.path ?? ROOT_PATH, refused?.keyword ?? "schema", refused?.reason ?? ""),
    );
  }

  return {
    compile(schema) {
      boundSchema(schema, ROOT_PATH);
      const key = JSON.stringify(schema);
      const outcome = kept.get(key) ?? outcomeOf(() => compileSchema(schema));
      kept.set(key, outcome);
      if (outcome instanceof UnsupportedSchemaError) {
        throw outcome;
      }
      return outcome;
    },
    async prepare(schema, asker) {
      // `compile` refuses a schema that is too deep or too large at once.
      if (outcomeOf(() => boundSchema(schema, ROOT_PATH)) instanceof UnsupportedSchemaError) {
        return;
      }
      const key = JSON.stringify(schema);
      if (kept.has(key)) {
        return;
      }
      // The first request for the schema may be aborted while others still need it.
      for (let known = underway.get(key); known !== undefined; known = underway.get(key)) await known.catch(() => {});
      if (kept.has(key)) {
        return;
      }
      const quick = outcomeOf(() => compileQuickly(schema));
      if (quick !== undefined) {
        kept.set(key, quick);
        return;
      }
      const work = compileApart(schema, key, asker).finally(() => underway.delete(key));
      underway.set(key, work);
      await work;
    },
  };
}

function outcomeOf<T>(make: () => T): T | UnsupportedSchemaError {
  try {
    return make();
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

/** The cache of this process. */
export const compiledSchemas = createCompiledSchemas();
