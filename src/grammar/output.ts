import type { OutputFormat } from "../generation/request.ts";
import { createGrammarBuilder } from "./builder.ts";

/** Formats whose grammars are kept, the last used ones, and how many characters they may take together. */
const MAX_KEPT = 64;
const MAX_KEPT_CHARACTERS = 4 * 1024 * 1024;

export type CompiledFormats = {
  /**
   * The GBNF of `output`, which is not a grammar yet. Compiles it unless it was asked for lately. `path` begins the paths in errors.
   * Throws `UnsupportedSchemaError`.
   */
  readonly compile: (output: Exclude<OutputFormat, { type: "grammar" }>, path: string) => string;
};

/** Keeps the grammars of the formats that were used last: the same schema comes with request after request. */
export function createCompiledFormats(): CompiledFormats {
  const kept = new Map<string, string>();
  let characters = 0;

  function keep(key: string, gbnf: string): void {
    characters += key.length + gbnf.length;
    kept.set(key, gbnf);
    for (const [oldest, value] of kept) {
      if (kept.size <= MAX_KEPT && characters <= MAX_KEPT_CHARACTERS) {
        return;
      }
      characters -= oldest.length + value.length;
      kept.delete(oldest);
    }
  }

  return {
    compile(output, path) {
      const key = JSON.stringify(output);
      const known = kept.get(key);
      if (known !== undefined) {
        characters -= key.length + known.length;
        kept.delete(key);
      }
      const gbnf = known ?? compile(output, path);
      keep(key, gbnf);
      return gbnf;
    },
  };
}

/** The formats of this process. */
export const compiledFormats = createCompiledFormats();

function compile(output: Exclude<OutputFormat, { type: "grammar" }>, path: string): string {
  const builder = createGrammarBuilder();
  switch (output.type) {
    case "json":
      return builder.toGbnf(builder.json());
    case "schema":
      return builder.toGbnf(builder.schema(output.schema, path));
    case "regex":
      return builder.toGbnf(builder.regex(output.pattern, path));
  }
}

/** Throws `UnsupportedSchemaError` when an answer can't be held to `output`. */
export function assertSupported(output: OutputFormat, path: string): void {
  if (output.type !== "grammar") {
    compiledFormats.compile(output, path);
  }
}
