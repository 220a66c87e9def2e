import { emitDfa, PLAIN } from "./automaton/emit.ts";
import { ROOT_PATH, UnsupportedSchemaError } from "./errors.ts";
import { admitGbnf, checkGbnf } from "./gbnf/check.ts";
import { IN_JSON_STRING } from "./json-spelling.ts";
import { compileLark } from "./lark/compile.ts";
import { createBudget, type Effort } from "./limits.ts";
import { compileWhole } from "./regex/compile.ts";
import { createRuleBook } from "./rules.ts";

/** What a client may write a grammar in: a pattern, llama.cpp's notation, or Lark's, whose texts may stand between a JSON string's quotes. */
export type TextKind = "regex" | "gbnf" | "lark" | "lark in JSON";

/**
 * The grammar, in GBNF, of a text that a client wrote. Throws `UnsupportedSchemaError`, with `ROOT_PATH` as its path: an `ExhaustedError`
 * for a pattern that takes more than `effort`.
 */
export function compileText(kind: TextKind, source: string, effort?: Effort): string {
  if (kind === "gbnf") return admitGbnf(source, ROOT_PATH);
  const book = createRuleBook();
  if (kind === "regex") {
    const dfa = compileWhole(source, { path: ROOT_PATH, keyword: "pattern", budget: createBudget(effort) });
    if (dfa.states.length === 0) {
      throw new UnsupportedSchemaError(ROOT_PATH, "pattern", "no text matches it");
    }
    return book.toGbnf(emitDfa(dfa, PLAIN, book, "text", ROOT_PATH));
  }
  const isInJson = kind === "lark in JSON";
  const root = compileLark(source, isInJson ? IN_JSON_STRING : PLAIN, ROOT_PATH, book);
  const gbnf = admitGbnf(book.toGbnf(root), ROOT_PATH);
  checkGbnf(gbnf, ROOT_PATH);
  return gbnf;
}
