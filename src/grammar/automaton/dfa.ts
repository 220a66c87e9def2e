import { MAX_STATES } from "../limits.ts";
import { type CharSet, charSet, codePoint, intersectSets, invertSet, setHas, unionSets, WORD } from "./char-set.ts";
import type { Nfa, Place } from "./nfa.ts";
import { trim } from "./reduce.ts";

type Edge = { readonly set: CharSet; readonly to: number };

/** A state of a deterministic automaton: no two edges share a character. A character without an edge matches nothing. */
export type State = { readonly accepts: boolean; readonly edges: readonly Edge[] };

/**
 * A deterministic automaton. State 0 is the start. Every state can reach an accepting one, so that a model that follows it
 * never meets a dead end. An automaton without states matches nothing.
 */
export type Dfa = { readonly states: readonly State[] };

/** Counts steps of work, and throws when there are too many. */
export type Spend = (steps: number) => void;

/** The cost of a state in a set of states, in comparisons. */
const CLOSURE_COST = 6;

type Draft = { accepts: boolean; edges: Edge[] };

/** The deterministic automaton of the texts that `nfa` matches as a whole. */
export function determinize(nfa: Nfa, spend: Spend): Dfa {
  const close = (seeds: Iterable<number>, at: Situation): number[] => {
    const found = new Set(seeds);
    for (const state of found) {
      for (const { place, to } of nfa.empty[state] ?? []) {
        if (isAt(place, at)) {
          found.add(to);
        }
      }
    }
    spend(CLOSURE_COST * found.size);
    return [...found].sort((a, b) => a - b);
  };
  const has = (...wanted: readonly Place[]) =>
    nfa.empty.some((moves) => moves.some(({ place }) => wanted.includes(place)));
  const hasEnds = has("end", "boundary", "inside");
  /** Whether it matters if the characters beside a place belong to a word. */
  const hasWords = has("boundary", "inside");
  const ends = { isEnd: true, comesWord: false };

  return explore<Reached>({
    first: { states: close([0], { isStart: true, wasWord: false }), isStart: true, wasWord: false },
    keyOf: ({ states, isStart, wasWord }) => `${isStart}:${wasWord}:${states.join()}`,
    accepts: ({ states, ...at }) =>
      states.includes(nfa.final) || (hasEnds && close(states, { ...at, ...ends }).includes(nfa.final)),
    next({ states, ...at }) {
      const kinds = hasWords ? [WORD, NO_WORD] : [undefined];
      return kinds.flatMap((kind) => {
        const from = kind === undefined ? states : close(states, { ...at, comesWord: kind === WORD });
        const moves = from.flatMap((state) => nfa.moves[state] ?? []);
        const ofKind = kind === undefined ? moves : moves.map(({ set, to }) => ({ set: intersectSets(set, kind), to }));
        const wasWord = kind === WORD;
        return splitMoves(ofKind, spend).map(({ set, targets }) => ({
          set,
          to: { states: close(targets, { isStart: false, wasWord }), isStart: false, wasWord },
        }));
      });
    },
    spend,
  });
}

/** What is known of a place in a text: whether it is the start, whether a word character precedes it, and what follows, if known. */
type Situation = {
  readonly isStart: boolean;
  readonly wasWord: boolean;
  readonly isEnd?: boolean;
  readonly comesWord?: boolean;
};
type Reached = { readonly states: readonly number[]; readonly isStart: boolean; readonly wasWord: boolean };

const NO_WORD = invertSet(WORD);

function isAt(place: Place, { isStart, wasWord, isEnd, comesWord }: Situation): boolean {
  switch (place) {
    case "anywhere":
      return true;
    case "start":
      return isStart;
    case "end":
      return isEnd === true;
    case "boundary":
      return comesWord !== undefined && comesWord !== wasWord;
    case "inside":
      return comesWord !== undefined && comesWord === wasWord;
  }
}

/** Matches the texts that both `a` and `b` match. */
export function intersect(a: Dfa, b: Dfa, spend: Spend): Dfa {
  if (a.states.length === 0 || b.states.length === 0) {
    return { states: [] };
  }
  return explore<readonly [number, number]>({
    first: [0, 0],
    keyOf: (pair) => pair.join(),
    accepts: ([i, j]) => a.states[i]?.accepts === true && b.states[j]?.accepts === true,
    next: ([i, j]) =>
      (a.states[i]?.edges ?? []).flatMap((mine) =>
        (b.states[j]?.edges ?? []).flatMap((theirs) => {
          spend(mine.set.length + theirs.set.length);
          const set = intersectSets(mine.set, theirs.set);
          return set.length === 0 ? [] : [{ set, to: [mine.to, theirs.to] as const }];
        }),
      ),
    spend,
  });
}

/** Matches the texts that `dfa` doesn't match. */
export function complement(dfa: Dfa): Dfa {
  const sink = dfa.states.length;
  const states = dfa.states.map(({ accepts, edges }) => {
    const rest = invertSet(unionSets(edges.map(({ set }) => set)));
    return { accepts: !accepts, edges: rest.length === 0 ? edges : [...edges, { set: rest, to: sink }] };
  });
  return trim([...states, { accepts: true, edges: [{ set: invertSet([]), to: sink }] }]);
}

/** Matches exactly these texts. They share the states of their common prefixes. */
export function dfaOfTexts(texts: Iterable<string>, spend: Spend): Dfa {
  type Node = { accepts: boolean; readonly children: Map<string, Node> };
  const root: Node = { accepts: false, children: new Map() };
  for (const text of texts) {
    spend(text.length + 1);
    let node = root;
    for (const char of text) {
      const child = node.children.get(char) ?? { accepts: false, children: new Map() };
      node.children.set(char, child);
      node = child;
    }
    node.accepts = true;
  }
  const order = [root];
  const indexes = new Map([[root, 0]]);
  for (const node of order) {
    for (const child of node.children.values()) {
      indexes.set(child, order.length);
      order.push(child);
    }
  }
  return trim(
    order.map(({ accepts, children }) => ({
      accepts,
      edges: Array.from(children, ([char, child]) => ({
        set: [[codePoint(char), codePoint(char)]] as const,
        to: indexes.get(child) ?? 0,
      })),
    })),
  );
}

/** Whether `dfa` matches all of `text`. */
export function matches(dfa: Dfa, text: string): boolean {
  let state = dfa.states[0];
  for (const char of text) {
    const edge = state?.edges.find(({ set }) => setHas(set, codePoint(char)));
    state = edge === undefined ? undefined : dfa.states[edge.to];
  }
  return state?.accepts === true;
}

/** The length of the shortest text that `dfa` matches, in characters. */
export function shortestLength(dfa: Dfa): number {
  const lengths = new Map([[0, 0]]);
  for (const [index, length] of lengths) {
    const state = dfa.states[index];
    if (state?.accepts === true) {
      return length;
    }
    for (const { to } of state?.edges ?? []) {
      if (!lengths.has(to)) {
        lengths.set(to, length + 1);
      }
    }
  }
  return 0;
}

function explore<T>(space: {
  readonly first: T;
  readonly keyOf: (state: T) => string;
  readonly accepts: (state: T) => boolean;
  readonly next: (state: T) => readonly { readonly set: CharSet; readonly to: T }[];
  readonly spend: Spend;
}): Dfa {
  const known = new Map([[space.keyOf(space.first), 0]]);
  const queue = [space.first];
  const drafts: Draft[] = [];
  for (const state of queue) {
    const draft: Draft = { accepts: space.accepts(state), edges: [] };
    drafts.push(draft);
    for (const { set, to } of space.next(state)) {
      const key = space.keyOf(to);
      const index = known.get(key) ?? queue.length;
      if (index === queue.length) {
        space.spend(index < MAX_STATES ? 1 + key.length / 8 : Number.POSITIVE_INFINITY);
        known.set(key, index);
        queue.push(to);
      }
      draft.edges.push({ set, to: index });
    }
  }
  return trim(drafts);
}

/** Splits moves that share characters, so that each character leads to one set of states. */
function splitMoves(
  moves: readonly { readonly set: CharSet; readonly to: number }[],
  spend: Spend,
): { set: CharSet; targets: number[] }[] {
  const changes = moves.flatMap(({ set, to }) =>
    set.flatMap(([first, last]) => [
      { at: first, by: 1, to },
      { at: last + 1, by: -1, to },
    ]),
  );
  changes.sort((a, b) => a.at - b.at);
  /** The targets of the characters between two changes, with the number of moves to each. */
  const open = new Map<number, number>();
  const byTargets = new Map<string, { ranges: [number, number][]; targets: number[] }>();
  for (const [index, { at, by, to }] of changes.entries()) {
    const moving = (open.get(to) ?? 0) + by;
    if (moving === 0) open.delete(to);
    else open.set(to, moving);
    const next = changes[index + 1]?.at ?? at;
    spend(1);
    if (next === at || open.size === 0) continue;
    spend(open.size);
    const targets = [...open.keys()].sort((a, b) => a - b);
    const group = byTargets.get(targets.join()) ?? { ranges: [], targets };
    group.ranges.push([at, next - 1]);
    byTargets.set(targets.join(), group);
  }
  return Array.from(byTargets.values(), ({ ranges, targets }) => ({ set: charSet(ranges), targets }));
}
