import { ANY_CHAR, type CharSet, charsOf, DIGITS } from "../automaton/char-set.ts";
import type { Dfa } from "../automaton/dfa.ts";
import type { Budget } from "../limits.ts";

/** A pattern's place, for errors, and the budget for its automaton. */
export type Source = { readonly path: string; readonly keyword: string; readonly budget: Budget };

/** A regular expression, parsed. */
export type RegexNode =
  | { readonly type: "set"; readonly set: CharSet }
  | { readonly type: "sequence"; readonly items: readonly RegexNode[] }
  /** Without items, matches nothing. */
  | { readonly type: "choice"; readonly items: readonly RegexNode[] }
  | { readonly type: "repeat"; readonly item: RegexNode; readonly min: number; readonly max: number }
  /** `^` */
  | { readonly type: "start" }
  /** `$` */
  | { readonly type: "end" }
  /** `\b`, or negated `\B`. */
  | { readonly type: "boundary"; readonly isNegated: boolean }
  /** `(?=…)`, or negated `(?!…)`. */
  | { readonly type: "look"; readonly isNegated: boolean; readonly inner: RegexNode }
  /** The texts that an automaton matches. */
  | { readonly type: "automaton"; readonly dfa: Dfa };

export const EMPTY: RegexNode = { type: "sequence", items: [] };
export const NEVER: RegexNode = { type: "choice", items: [] };
/** Any text. */
export const ANYTHING: RegexNode = {
  type: "repeat",
  item: { type: "set", set: ANY_CHAR },
  min: 0,
  max: Number.POSITIVE_INFINITY,
};
export const DIGIT: RegexNode = { type: "set", set: DIGITS };

export function oneOfSet(set: CharSet): RegexNode {
  return { type: "set", set };
}

export function sequence(...items: readonly RegexNode[]): RegexNode {
  return items.length === 1 && items[0] !== undefined ? items[0] : { type: "sequence", items };
}

export function choice(...items: readonly RegexNode[]): RegexNode {
  return items.length === 1 && items[0] !== undefined ? items[0] : { type: "choice", items };
}

export function repeat(item: RegexNode, min: number, max: number): RegexNode {
  return { type: "repeat", item, min, max };
}

export function optional(item: RegexNode): RegexNode {
  return repeat(item, 0, 1);
}

/** Exactly `text`. */
export function text(text: string): RegexNode {
  return { type: "sequence", items: Array.from(text, (char) => oneOfSet(charsOf(char))) };
}
