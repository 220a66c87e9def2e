import { emitDfa, PLAIN } from "./automaton/emit.ts";
import { ROOT_PATH, UnsupportedSchemaError } from "./errors.ts";
import { admitGbnf, checkGbnf } from "./gbnf/check.ts";
import { IN_JSON_STRING } from "./json-spelling.ts";
import { compileLark } from "./lark/compile.ts";
import { createBudget, type Effort } from "./limits.ts";
import { compileWhole } from "./regex/compile.ts";
import { createRuleBook } from "./rules.ts";

/** The notations for clients' grammars: a pattern, llama.cpp's, or Lark's, also for texts between the quotes of a JSON string. */
export type TextKind = "regex" | "gbnf" | "lark" | "lark in JSON";

/**
 * Converts a client's text to a grammar in GBNF. Throws `UnsupportedSchemaError` with the path `ROOT_PATH`, which is an `ExhaustedError` for
 * a pattern that needs more than `effort`.
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
