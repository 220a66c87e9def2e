import { LRUCache } from "lru-cache";
import type { OutputFormat } from "../generation/request.ts";
import { compileHeld, createGrammarBuilder } from "./builder.ts";
import { UnsupportedSchemaError } from "./errors.ts";
import type { DroppedKeyword } from "./schema/tolerance.ts";

/** How many characters of formats and grammars are kept, those that were used last. */
const MAX_KEPT_CHARACTERS = 8 * 1024 * 1024;

/** What has no grammar yet. */
export type OpenFormat = Exclude<OutputFormat, { readonly type: "grammar" }>;

/** The grammar of a format, and what it doesn't hold to. */
type CompiledFormat = { readonly gbnf: string; readonly dropped: readonly DroppedKeyword[] };

export type CompiledFormats = {
  /**
   * The grammar of `output`: the one of the last time, or compiled now. `path` begins the paths in errors. Throws
   * `UnsupportedSchemaError`.
   */
  readonly compile: (output: OpenFormat, path: string) => CompiledFormat;
};

/** Keeps the grammars of the formats that were used last, and the refusals: the same ones come with request after request. */
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

/** The formats of this process. */
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

/** What an answer is not held to, of what `output` says. Throws `UnsupportedSchemaError` when it can't be held to `output`. */
export function findDropped(output: OutputFormat, path: string): readonly DroppedKeyword[] {
  return output.type === "grammar" ? [] : compiledFormats.compile(output, path).dropped;
}
