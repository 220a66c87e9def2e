import type { Dfa } from "../automaton/dfa.ts";
import type { Budget } from "../limits.ts";
import type { RegexNode } from "./node.ts";

/** Who asks, for the error. */
export type Source = { readonly path: string; readonly keyword: string; readonly budget: Budget };

export type CompileNode = (node: RegexNode, source: Source) => Dfa;
