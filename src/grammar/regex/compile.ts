import { ANY_CHAR } from "../automaton/char-set.ts";
import { type Dfa, determinize } from "../automaton/dfa.ts";
import { buildNfa } from "../automaton/nfa.ts";
import type { Budget } from "../limits.ts";
import { oneOfSet, type RegexNode, repeat, sequence } from "./node.ts";
import { parseRegex } from "./parse.ts";

const ANYTHING = repeat(oneOfSet(ANY_CHAR), 0, Number.POSITIVE_INFINITY);

/** Who asks, for the error. */
export type Source = { readonly path: string; readonly keyword: string; readonly budget: Budget };

/** The texts that match `pattern` from the first to the last character. */
export function compileWhole(pattern: string, source: Source): Dfa {
  return compileNode(parseRegex(pattern, source.path, source.keyword), source);
}

/** The texts in which `pattern` is found, as JSON Schema has it: `^` and `$` are what binds it to the ends. */
export function compileSearch(pattern: string, source: Source): Dfa {
  return compileNode(sequence(ANYTHING, parseRegex(pattern, source.path, source.keyword), ANYTHING), source);
}

export function compileNode(node: RegexNode, { path, keyword, budget }: Source): Dfa {
  const spend = (steps: number) => budget.spend(steps, path, keyword);
  return determinize(buildNfa(node, spend), spend);
}
