import { LRUCache } from "lru-cache";
import type { Asker } from "../generation/model.ts";
import { type ApartCompiler, apartCompiler } from "./compile-apart.ts";
import { compileText, type TextKind } from "./compile-text.ts";
import { ROOT_PATH, UnsupportedSchemaError } from "./errors.ts";
import { type Effort, ExhaustedError, QUICK } from "./limits.ts";

/** The most characters of texts and grammars in the cache (least recently used ones are evicted). */
const MAX_KEPT_CHARACTERS = 8 * 1024 * 1024;
/** The maximum length of a text. */
const MAX_TEXT = 64 * 1024;

const TOO_LONG = { keyword: "grammar", reason: "it takes too long to compile; make it simpler" };

/** The outcome of compiling a text: its grammar or the error. */
type TextOutcome = string | UnsupportedSchemaError;

/** Caches the grammars of clients' patterns and grammars, including refusals: clients send the same ones with many requests. */
export type CompiledTexts = {
  /** The grammar of `source` in GBNF, from the cache or compiled now. Throws `UnsupportedSchemaError` with `path`. */
  readonly compile: (kind: TextKind, source: string, path: string) => string;
  /**
   * Compiles `source` if it isn't cached: a simple pattern here, all else in another thread. Throws `OverloadedError` if too many wait, and
   * the reason of the asker's signal when aborted.
   */
  readonly prepare: (kind: TextKind, source: string, asker?: Asker) => Promise<void>;
};

export function createCompiledTexts(apart: ApartCompiler = apartCompiler): CompiledTexts {
  const kept = new LRUCache<string, TextOutcome>({
    maxSize: MAX_KEPT_CHARACTERS,
    sizeCalculation: (outcome, key) => key.length + (typeof outcome === "string" ? outcome.length : 1_000),
  });

  return {
    compile(kind, source, path) {
      const key = keyOf(kind, source);
      const outcome = kept.get(key) ?? outcomeOf(kind, source);
      if (source.length <= MAX_TEXT) kept.set(key, outcome);
      if (typeof outcome === "string") return outcome;
      const { keyword, reason } = outcome;
      throw new UnsupportedSchemaError(path, keyword === ROOT_PATH ? "grammar" : keyword, reason);
    },
    async prepare(kind, source, asker) {
      const key = keyOf(kind, source);
      if (source.length > MAX_TEXT || kept.has(key)) return;
      const quick = kind === "regex" ? outcomeOf(kind, source, QUICK) : undefined;
      if (quick !== undefined && !(quick instanceof ExhaustedError)) {
        kept.set(key, quick);
        return;
      }
      const told = await apart.compile({ kind, text: source }, asker);
      if (told !== undefined && "gbnf" in told) {
        kept.set(key, told.gbnf);
        return;
      }
      const refused = told !== undefined && "refused" in told ? told.refused : TOO_LONG;
      kept.set(key, new UnsupportedSchemaError(ROOT_PATH, refused.keyword, refused.reason));
    },
  };
}

/** The cache of this process. */
export const compiledTexts = createCompiledTexts();

/** Throws `UnsupportedSchemaError` when no text can match a Lark grammar, or when compiling it costs too much. */
export function checkLark(source: string, path: string): void {
  compiledTexts.compile("lark in JSON", source, path);
}

function keyOf(kind: TextKind, source: string): string {
  return `${kind} ${source}`;
}

function outcomeOf(kind: TextKind, source: string, effort?: Effort): TextOutcome {
  try {
    return compileText(kind, source, effort);
  } catch (error) {
    if (error instanceof UnsupportedSchemaError) return error;
    throw error;
  }
}
