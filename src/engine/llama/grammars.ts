import type { NativeBindings, NativeGrammar } from "./binding.ts";

/** Parsed grammars that are kept, since agents repeat theirs with each request. */
const KEPT = 32;

/** Grammars that llama.cpp has parsed, by their text. */
export type Grammars = {
  /** Throws, with a reason for the client, when llama.cpp can't parse the text. */
  parse(gbnf: string): NativeGrammar;
};

export function createGrammars(bindings: NativeBindings): Grammars {
  const parsed = new Map<string, NativeGrammar>();
  return {
    parse(gbnf) {
      const grammar = parsed.get(gbnf) ?? parse(gbnf, bindings);
      parsed.delete(gbnf);
      parsed.set(gbnf, grammar);
      for (const oldest of parsed.keys()) {
        if (parsed.size <= KEPT) break;
        parsed.delete(oldest);
      }
      return grammar;
    },
  };
}

function parse(gbnf: string, bindings: NativeBindings): NativeGrammar {
  try {
    return new bindings.AddonGrammar(gbnf, { addonExports: bindings, rootRuleName: "root" });
  } catch (error) {
    throw new Error(
      "llama.cpp can't parse this grammar. It must be GBNF, have a rule named `root`, name no rule that is not there, and not begin " +
        "a rule with itself.",
      { cause: error },
    );
  }
}
