import { createGrammarBuilder } from "../builder.ts";
import { checkGbnf } from "../gbnf/check.ts";

/** Throws `UnsupportedSchemaError` where no text can be held to a grammar in Lark's notation, or where it would cost too much. */
export function checkLark(source: string, path: string): void {
  const builder = createGrammarBuilder();
  checkGbnf(builder.toGbnf(builder.lark(source, "json", path)), path);
}
