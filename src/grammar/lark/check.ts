import { LRUCache } from "lru-cache";
import { createGrammarBuilder } from "../builder.ts";
import { UnsupportedSchemaError } from "../errors.ts";
import { checkGbnf } from "../gbnf/check.ts";

/** Clients send the same grammar with request after request. */
const MAX_REMEMBERED = 64;

const verdicts = new LRUCache<string, true | UnsupportedSchemaError>({ max: MAX_REMEMBERED });

/** Throws `UnsupportedSchemaError` where no text can be held to a grammar in Lark's notation, or where it would cost too much. */
export function checkLark(source: string, path: string): void {
  const key = JSON.stringify([path, source]);
  const verdict = verdicts.get(key) ?? judge(source, path);
  verdicts.set(key, verdict);
  if (verdict !== true) throw verdict;
}

function judge(source: string, path: string): true | UnsupportedSchemaError {
  try {
    const builder = createGrammarBuilder();
    checkGbnf(builder.toGbnf(builder.lark(source, "json", path)), path);
    return true;
  } catch (error) {
    if (error instanceof UnsupportedSchemaError) return error;
    throw error;
  }
}
