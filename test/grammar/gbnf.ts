import { seededRandom } from "../../bench/statistics.ts";
import type { GbnfNode, GbnfRules } from "../../src/grammar/gbnf/node.ts";
import { parseGbnf } from "../../src/grammar/gbnf/parse.ts";

/** A small interpreter of GBNF: writes texts that a grammar allows, and says whether it allows a text. */
export type Interpreter = {
  /** A text that the grammar allows. The same seed gives the same one. */
  readonly write: (seed: number) => string;
  readonly accepts: (text: string) => boolean;
};

/** How deep rules may nest before the shortest way out is taken. */
const MAX_DEPTH = 24;
const MAX_REPEATS = 4;
/** After so many rules the shortest way out is taken: what branches at every level would never end. */
const MAX_STEPS = 2_000;

export function interpret(gbnf: string): Interpreter {
  const rules = parseGbnf(gbnf);
  const costs = measure(rules);
  const root = ruleOf(rules, "root");
  return {
    write: (seed) => writeText(root, { rules, costs, random: seededRandom(seed), steps: { count: 0 } }, 0),
    accepts(text) {
      const codes = Array.from(text, (char) => char.codePointAt(0) ?? 0);
      return endsOf(root, codes, 0, { rules, known: new Map() }).has(codes.length);
    },
  };
}

type Writing = {
  readonly rules: GbnfRules;
  readonly costs: ReadonlyMap<string, number>;
  readonly random: () => number;
  readonly steps: { count: number };
};

function writeText(node: GbnfNode, writing: Writing, depth: number): string {
  const { rules, costs, random, steps } = writing;
  const hurries = depth > MAX_DEPTH || steps.count > MAX_STEPS;
  switch (node.type) {
    case "chars":
      return String.fromCodePoint(pickCode(node, random));
    case "reference":
      steps.count += 1;
      return writeText(ruleOf(rules, node.name), writing, depth + 1);
    case "sequence":
      return node.items.map((item) => writeText(item, writing, depth)).join("");
    case "choice": {
      const sorted = node.items.toSorted((a, b) => costOf(a, costs) - costOf(b, costs));
      const possible = sorted.filter((item) => costOf(item, costs) < Number.POSITIVE_INFINITY);
      const chosen = hurries ? possible[0] : possible[Math.floor(random() * possible.length)];
      return chosen === undefined ? "" : writeText(chosen, writing, depth);
    }
    case "repeat": {
      const spread = hurries ? 0 : Math.min(node.max - node.min, MAX_REPEATS);
      const count = node.min + Math.floor(random() * (spread + 1));
      return Array.from({ length: count }, () => writeText(node.item, writing, depth)).join("");
    }
  }
}

function pickCode({ ranges, isInverted }: Extract<GbnfNode, { type: "chars" }>, random: () => number): number {
  if (isInverted) {
    return 0x2603;
  }
  const [first, last] = ranges[Math.floor(random() * ranges.length)] ?? [0, 0];
  const code = first + Math.floor(random() * (last - first + 1));
  return code >= 0xd800 && code <= 0xdfff ? first : code;
}

type Reading = { readonly rules: GbnfRules; readonly known: Map<string, ReadonlySet<number>> };

/** Where `node` may end when it begins at `from`. */
function endsOf(node: GbnfNode, codes: readonly number[], from: number, reading: Reading): ReadonlySet<number> {
  switch (node.type) {
    case "chars": {
      const code = codes[from];
      const isIn = node.ranges.some(([first, last]) => code !== undefined && first <= code && code <= last);
      return new Set(code !== undefined && isIn !== node.isInverted ? [from + 1] : []);
    }
    case "reference": {
      const key = `${node.name}:${from}`;
      const known = reading.known.get(key) ?? endsOf(ruleOf(reading.rules, node.name), codes, from, reading);
      reading.known.set(key, known);
      return known;
    }
    case "sequence":
      return node.items.reduce<ReadonlySet<number>>((ends, item) => after(ends, item, codes, reading), new Set([from]));
    case "choice":
      return new Set(node.items.flatMap((item) => [...endsOf(item, codes, from, reading)]));
    case "repeat": {
      let ends: ReadonlySet<number> = new Set([from]);
      const all = new Set<number>();
      for (let count = 0; count <= node.max && ends.size > 0; count += 1) {
        if (count >= node.min) {
          const before = all.size;
          for (const end of ends) {
            all.add(end);
          }
          if (all.size === before) {
            break;
          }
        }
        ends = after(ends, node.item, codes, reading);
      }
      return all;
    }
  }
}

function after(ends: ReadonlySet<number>, node: GbnfNode, codes: readonly number[], reading: Reading) {
  return new Set([...ends].flatMap((end) => [...endsOf(node, codes, end, reading)]));
}

/** How many rules deep the shortest text of each rule is. */
function measure(rules: GbnfRules): ReadonlyMap<string, number> {
  const costs = new Map<string, number>();
  for (let changed = true; changed; ) {
    changed = false;
    for (const [name, node] of rules) {
      const cost = 1 + costOf(node, costs);
      if (cost < (costs.get(name) ?? Number.POSITIVE_INFINITY)) {
        costs.set(name, cost);
        changed = true;
      }
    }
  }
  return costs;
}

function costOf(node: GbnfNode, costs: ReadonlyMap<string, number>): number {
  switch (node.type) {
    case "chars":
      return 0;
    case "reference":
      return costs.get(node.name) ?? Number.POSITIVE_INFINITY;
    case "sequence":
      return Math.max(0, ...node.items.map((item) => costOf(item, costs)));
    case "choice":
      return Math.min(...node.items.map((item) => costOf(item, costs)));
    case "repeat":
      return node.min === 0 ? 0 : costOf(node.item, costs);
  }
}

function ruleOf(rules: GbnfRules, name: string): GbnfNode {
  const node = rules.get(name);
  if (node === undefined) {
    throw new Error(`The grammar has no rule ${name}.`);
  }
  return node;
}
