import { type CharSet, unionSets } from "./char-set.ts";
import type { Dfa, State } from "./dfa.ts";

/** Removes states that can't be reached or can't reach an accepting state, and joins edges to the same state. */
export function trim(states: readonly State[]): Dfa {
  const sources: number[][] = states.map(() => []);
  for (const [from, { edges }] of states.entries()) {
    for (const { to } of edges) {
      sources[to]?.push(from);
    }
  }
  const alive = new Set(states.flatMap(({ accepts }, index) => (accepts ? [index] : [])));
  for (const state of alive) {
    for (const source of sources[state] ?? []) {
      alive.add(source);
    }
  }
  if (!alive.has(0)) {
    return { states: [] };
  }
  const reached = new Set([0]);
  for (const state of reached) {
    for (const { to } of states[state]?.edges ?? []) {
      if (alive.has(to)) {
        reached.add(to);
      }
    }
  }
  const indexes = new Map([...reached].map((state, index) => [state, index]));
  return {
    states: [...reached].map((index) => {
      const byTarget = new Map<number, CharSet[]>();
      for (const { set, to } of states[index]?.edges ?? []) {
        const target = indexes.get(to);
        if (target !== undefined) {
          byTarget.set(target, [...(byTarget.get(target) ?? []), set]);
        }
      }
      return {
        accepts: states[index]?.accepts === true,
        edges: Array.from(byTarget, ([to, sets]) => ({ set: joinSets(sets), to })),
      };
    }),
  };
}

function joinSets(sets: readonly CharSet[]): CharSet {
  const [first] = sets;
  return first !== undefined && sets.length === 1 ? first : unionSets(sets);
}

/**
 * Returns an equivalent automaton with as few states as possible, by partition refinement (Moore, "Gedanken-experiments on sequential
 * machines", 1956). All states must list their edges in the same order and use the same character sets.
 */
export function minimize({ states }: Dfa): Dfa {
  const edgeKeys = states.map(({ edges }) => edges.map(({ set }) => set.join()));
  let classes: readonly number[] = states.map(({ accepts }) => (accepts ? 1 : 0));
  for (let count = 0; ; ) {
    const ids = new Map<string, number>();
    const keyOf = ({ edges }: State, index: number) =>
      `${classes[index]} ${edges.map(({ to }, edge) => `${edgeKeys[index]?.[edge]}>${classes[to]}`).join(" ")}`;
    const refined = states.map((state, index) => {
      const key = keyOf(state, index);
      const id = ids.get(key) ?? ids.size;
      ids.set(key, id);
      return id;
    });
    classes = refined;
    if (ids.size === count) break;
    count = ids.size;
  }
  const firsts = new Map(classes.map((id, index) => [id, index] as const).reverse());
  const merged = Array.from({ length: firsts.size }, (_, id): State => {
    const { accepts = false, edges = [] } = states[firsts.get(id) ?? 0] ?? {};
    return { accepts, edges: edges.map(({ set, to }) => ({ set, to: classes[to] ?? 0 })) };
  });
  return trim(merged);
}
