import { LRUCache } from "lru-cache";
import type { OutputFormat } from "../generation/request.ts";
import { compileHeld, createGrammarBuilder } from "./builder.ts";
import { UnsupportedSchemaError } from "./errors.ts";
import type { DroppedKeyword } from "./schema/tolerance.ts";

/** The most characters of formats and grammars in the cache (least recently used ones are evicted). */
const MAX_KEPT_CHARACTERS = 8 * 1024 * 1024;

/** A format that still needs a grammar. */
export type OpenFormat = Exclude<OutputFormat, { readonly type: "grammar" }>;

/** The grammar of a format, and the keywords that it doesn't enforce. */
type CompiledFormat = { readonly gbnf: string; readonly dropped: readonly DroppedKeyword[] };

export type CompiledFormats = {
  /**
   * The grammar of `output`, from the cache or compiled now. `path` begins the paths in errors. Throws
   * `UnsupportedSchemaError`.
   */
  readonly compile: (output: OpenFormat, path: string) => CompiledFormat;
};

/** Caches the grammars of formats, including refusals: clients send the same ones with many requests. */
export function createCompiledFormats(): CompiledFormats {
  const kept = new LRUCache<string, CompiledFormat | UnsupportedSchemaError>({
    maxSize: MAX_KEPT_CHARACTERS,
    sizeCalculation: (outcome, key) => key.length + ("gbnf" in outcome ? outcome.gbnf.length : 1_000),
  });
  return {
    compile(output, path) {
      const key = JSON.stringify([path, output]);
      const outcome = kept.get(key) ?? outcomeOf(output, path);
      kept.set(key, outcome);
      if (outcome instanceof UnsupportedSchemaError) {
        throw outcome;
      }
      return outcome;
    },
  };
}

/** The cache of this process. */
export const compiledFormats = createCompiledFormats();

function outcomeOf(output: OpenFormat, path: string): CompiledFormat | UnsupportedSchemaError {
  try {
    return compile(output, path);
  } catch (error) {
    if (error instanceof UnsupportedSchemaError) {
      return error;
    }
    throw error;
  }
}

function compile(output: OpenFormat, path: string): CompiledFormat {
  const builder = createGrammarBuilder();
  switch (output.type) {
    case "json":
      return { gbnf: builder.toGbnf(builder.json()), dropped: [] };
    case "schema": {
      const { schema, strict } = output;
      const { dropped } = compileHeld(schema, path, strict === true);
      return { gbnf: builder.toGbnf(builder.schema(schema, path, { strict })), dropped };
    }
    case "regex":
      return { gbnf: builder.toGbnf(builder.regex(output.pattern, path)), dropped: [] };
  }
}

/** The keywords of `output` that its grammar doesn't enforce. Throws `UnsupportedSchemaError` when there can be no grammar. */
export function findDropped(output: OutputFormat, path: string): readonly DroppedKeyword[] {
  return output.type === "grammar" ? [] : compiledFormats.compile(output, path).dropped;
}
