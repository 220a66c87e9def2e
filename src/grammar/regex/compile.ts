import { type Dfa, determinize } from "../automaton/dfa.ts";
import { buildNfa } from "../automaton/nfa.ts";
import { resolveLooks } from "./looks.ts";
import { ANYTHING, type RegexNode, type Source, sequence } from "./node.ts";
import { parseRegex } from "./parse.ts";

/** The texts that match `pattern` from the first to the last character. */
export function compileWhole(pattern: string, source: Source): Dfa {
  return compileNode(parseRegex(pattern, source.path, source.keyword), source);
}

/** The texts that contain a match of `pattern`, as in JSON Schema: only `^` and `$` bind it to the ends. */
export function compileSearch(pattern: string, source: Source): Dfa {
  return compileNode(sequence(ANYTHING, parseRegex(pattern, source.path, source.keyword), ANYTHING), source);
}

export function compileNode(node: RegexNode, source: Source): Dfa {
  const spend = (steps: number) => source.budget.spend(steps, source.path, source.keyword);
  return determinize(buildNfa(resolveLooks(node, source, compileNode), spend), spend);
}
