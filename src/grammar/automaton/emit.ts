import { MAX_GBNF_LENGTH } from "../limits.ts";
import { type RuleBook, tooLarge } from "../rules.ts";
import { characterClass, literal } from "../text.ts";
import type { CharSet } from "./char-set.ts";
import type { Dfa } from "./dfa.ts";

/** A way to write characters: plain, or escaped as in a JSON string. */
export type Spelling = {
  /** The one way to write this character. */
  readonly char: (code: number) => string;
  /** The ways to write a character of `set`, which has more than one, as GBNF terms. */
  readonly set: (set: CharSet) => readonly string[];
};

/** Nested groups up to this depth; deeper ones become rules, because llama.cpp's parser recurses into groups. */
const MAX_GROUPS = 6;

type Term = { readonly text: string } | { readonly gbnf: string };

/**
 * Writes `dfa` as rules, one alternative for each edge, and returns the first one's name. At most one alternative can match the next
 * character, so llama.cpp follows a single path.
 */
export function emitDfa(dfa: Dfa, spelling: Spelling, book: RuleBook, hint: string, path: string): string {
  const names = new Map<number, string>();
  const queue: number[] = [];
  const entries = new Map([[0, 2]]);
  for (const { edges } of dfa.states) {
    for (const { to } of edges) {
      entries.set(to, (entries.get(to) ?? 0) + 1);
    }
  }

  const written = new Map<CharSet, Term>();
  let room = MAX_GBNF_LENGTH;
  /** Writes a set that many edges share only once. Throws as soon as the grammar is too large, not after all of it is written. */
  function writeOnce(set: CharSet): Term {
    const term = written.get(set) ?? writeSet(set, spelling);
    written.set(set, term);
    room -= "text" in term ? term.text.length : term.gbnf.length;
    if (room < 0) {
      throw tooLarge(path);
    }
    return term;
  }

  function nameOf(index: number): string {
    const name = names.get(index) ?? book.reserve(hint);
    if (!names.has(index)) {
      names.set(index, name);
      queue.push(index);
    }
    return name;
  }

  function alternatives(index: number, depth: number): string {
    const state = dfa.states[index];
    const items = (state?.edges ?? []).map(({ set, to }) => writeTerms([writeOnce(set), ...follow(to, depth)]));
    return [...items, ...(state?.accepts === true ? ['""'] : [])].join(" | ");
  }

  /** Returns the terms after an edge to `from`. */
  function follow(from: number, depth: number): Term[] {
    const terms: Term[] = [];
    let index = from;
    for (;;) {
      const state = dfa.states[index];
      const [edge] = state?.edges ?? [];
      if (edge === undefined) {
        return terms;
      }
      if ((entries.get(index) ?? 0) > 1) {
        return [...terms, { gbnf: nameOf(index) }];
      }
      if (state?.accepts === true || (state?.edges.length ?? 0) > 1) {
        return [...terms, { gbnf: depth < MAX_GROUPS ? `(${alternatives(index, depth + 1)})` : nameOf(index) }];
      }
      terms.push(writeOnce(edge.set));
      index = edge.to;
    }
  }

  const first = nameOf(0);
  for (const index of queue) {
    book.define(nameOf(index), alternatives(index, 0), path);
  }
  return first;
}

function writeSet(set: CharSet, spelling: Spelling): Term {
  const [range] = set;
  if (range !== undefined && set.length === 1 && range[0] === range[1]) {
    return { text: spelling.char(range[0]) };
  }
  const ways = spelling.set(set);
  return { gbnf: ways.length === 1 ? ways.join() : `(${ways.join(" | ")})` };
}

function writeTerms(terms: readonly Term[]): string {
  const written: string[] = [];
  let pending = "";
  for (const term of terms) {
    if ("text" in term) {
      pending += term.text;
      continue;
    }
    written.push(...(pending === "" ? [] : [literal(pending)]), term.gbnf);
    pending = "";
  }
  return [...written, ...(pending === "" ? [] : [literal(pending)])].join(" ");
}

/** Characters as they are. */
export const PLAIN: Spelling = {
  char: (code) => String.fromCodePoint(code),
  set: (set) => [characterClass(set)],
};
