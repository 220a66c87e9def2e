import type { RegexNode } from "../regex/node.ts";
import type { CharSet } from "./char-set.ts";
import type { Dfa } from "./dfa.ts";

/** The place in the text where an empty move is allowed. */
export type Place = "anywhere" | "start" | "end" | "boundary" | "inside";

/** A nondeterministic automaton (Thompson's construction). State 0 is the first. */
export type Nfa = {
  readonly moves: readonly (readonly { readonly set: CharSet; readonly to: number }[])[];
  readonly empty: readonly (readonly { readonly place: Place; readonly to: number }[])[];
  readonly final: number;
};

/** The cost of a state, in comparisons: each state is visited many times. */
const STATE_COST = 40;

/**
 * The automaton of `node`. `spend` counts the states, and throws when there are too many: repetitions are expanded.
 */
export function buildNfa(node: RegexNode, spend: (states: number) => void): Nfa {
  const moves: { set: CharSet; to: number }[][] = [];
  const empty: { place: Place; to: number }[][] = [];

  function state(): number {
    spend(STATE_COST);
    moves.push([]);
    empty.push([]);
    return moves.length - 1;
  }
  function skip(from: number, to: number, place: Place = "anywhere"): void {
    empty[from]?.push({ place, to });
  }
  /** Builds `node` after the state `from`, and returns its last state. */
  function build(node: RegexNode, from: number): number {
    switch (node.type) {
      case "set": {
        const to = state();
        moves[from]?.push({ set: node.set, to });
        return to;
      }
      case "boundary": {
        const to = state();
        skip(from, to, node.isNegated ? "inside" : "boundary");
        return to;
      }
      case "automaton":
        return buildAutomaton(node.dfa, from);
      case "look":
        throw new Error("Places that look ahead are resolved before.");
      case "start":
      case "end": {
        const to = state();
        skip(from, to, node.type);
        return to;
      }
      case "sequence":
        return node.items.reduce((last, item) => build(item, last), from);
      case "choice": {
        const to = state();
        for (const item of node.items) {
          const first = state();
          skip(from, first);
          skip(build(item, first), to);
        }
        return to;
      }
      case "repeat":
        return buildRepeat(node, from);
    }
  }
  function buildAutomaton({ states }: Dfa, from: number): number {
    const own = states.map(state);
    const to = state();
    for (const [index, { accepts, edges }] of states.entries()) {
      const at = own[index] ?? to;
      for (const edge of edges) {
        moves[at]?.push({ set: edge.set, to: own[edge.to] ?? to });
      }
      if (accepts) {
        skip(at, to);
      }
    }
    if (own[0] !== undefined) {
      skip(from, own[0]);
    }
    return to;
  }
  function buildRepeat({ item, min, max }: Extract<RegexNode, { type: "repeat" }>, from: number): number {
    let last = from;
    for (let count = 0; count < min; count += 1) {
      spend(1);
      last = build(item, last);
    }
    const to = state();
    if (max === Number.POSITIVE_INFINITY) {
      const loop = state();
      skip(last, loop);
      skip(build(item, loop), loop);
      skip(loop, to);
      return to;
    }
    for (let count = min; count < max; count += 1) {
      spend(1);
      skip(last, to);
      const first = state();
      skip(last, first);
      last = build(item, first);
    }
    skip(last, to);
    return to;
  }

  const final = build(node, state());
  return { moves, empty, final };
}
