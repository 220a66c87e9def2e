import { ANY_CHAR, charSet, invertSet } from "../automaton/char-set.ts";
import { emitDfa, PLAIN } from "../automaton/emit.ts";
import { createBudget } from "../limits.ts";
import { compileNode } from "../regex/compile.ts";
import { choice, oneOfSet, type RegexNode, repeat, sequence } from "../regex/node.ts";
import { createRuleBook, type RuleBook } from "../rules.ts";
import { characterClass } from "../text.ts";
import { solveLinear } from "./linear.ts";
import type { GbnfNode, GbnfRules } from "./node.ts";

/** The maximum number of recursive rules to change; others stay as they are. */
const MAX_RECURSIVE = 200;

/**
 * Writes a grammar of the same language with less ambiguity: everything without recursion becomes a deterministic automaton. Throws
 * `UnsupportedSchemaError` if that grows too large.
 */
export function makeDeterministic(rules: GbnfRules, path: string): string {
  const recursive = new Set(findRecursive(rules));
  const book = createRuleBook();
  const budget = createBudget();
  const names = new Map<string, string>();
  const regexes = new Map<string, RegexNode>();

  const isRegular = (node: GbnfNode): boolean => referencesOf(node).every((name) => !recursive.has(name));
  for (const group of groupsOf(recursive, rules)) {
    const solved = solveLinear(group, rules, (node) => (isRegular(node) ? toRegex(node) : undefined));
    for (const [name, regex] of solved ?? []) {
      regexes.set(name, regex);
      recursive.delete(name);
    }
  }

  function toRegex(node: GbnfNode): RegexNode {
    switch (node.type) {
      case "chars": {
        const set = charSet(node.ranges);
        return oneOfSet(node.isInverted ? invertSet(set) : set);
      }
      case "reference": {
        const known = regexes.get(node.name) ?? toRegex(ruleOf(rules, node.name));
        regexes.set(node.name, known);
        return known;
      }
      case "sequence":
        return sequence(...node.items.map(toRegex));
      case "choice":
        return choice(...node.items.map(toRegex));
      case "repeat":
        return repeat(toRegex(node.item), node.min, node.max);
    }
  }
  function writeRegular(node: GbnfNode): string {
    const dfa = compileNode(toRegex(node), { path, keyword: "grammar", budget });
    // An empty class matches nothing.
    return dfa.states.length === 0 ? "[]" : emitDfa(dfa, PLAIN, book, "text", path);
  }
  /** Writes a node as a single term. */
  function write(node: GbnfNode): string {
    if (isRegular(node)) {
      return writeRegular(node);
    }
    switch (node.type) {
      case "chars":
        return characterClass(ANY_CHAR);
      case "reference":
        return nameOf(node.name);
      case "sequence":
        return `(${groupRegular(node.items, (items) => ({ type: "sequence", items }))
          .map(write)
          .join(" ")})`;
      case "choice":
        return `(${[...node.items.filter((item) => !isRegular(item)).map(write), ...joinRegular(node.items)].join(" | ")})`;
      case "repeat": {
        const most = node.max === Number.POSITIVE_INFINITY ? "" : String(node.max);
        return `${write(node.item)}{${node.min},${most}}`;
      }
    }
  }
  function joinRegular(items: readonly GbnfNode[]): readonly string[] {
    const regular = items.filter(isRegular);
    return regular.length === 0 ? [] : [writeRegular({ type: "choice", items: regular })];
  }
  function groupRegular(items: readonly GbnfNode[], join: (items: readonly GbnfNode[]) => GbnfNode): GbnfNode[] {
    const groups: GbnfNode[] = [];
    let run: GbnfNode[] = [];
    for (const item of items) {
      if (isRegular(item)) {
        run.push(item);
      } else {
        groups.push(...(run.length === 0 ? [] : [join(run)]), item);
        run = [];
      }
    }
    return run.length === 0 ? groups : [...groups, join(run)];
  }
  function nameOf(name: string): string {
    const known = names.get(name);
    if (known !== undefined) {
      return known;
    }
    const own = book.reserve(name);
    names.set(name, own);
    defineLater(own, ruleOf(rules, name), book);
    return own;
  }
  const pending: (() => void)[] = [];
  function defineLater(name: string, node: GbnfNode, into: RuleBook): void {
    pending.push(() => into.define(name, write(node), path));
  }

  const root = nameOf("root");
  for (const define of pending) {
    define();
  }
  return book.toGbnf(root);
}

/** Groups the rules that lead to each other. A group comes after those that it leads to. */
function groupsOf(recursive: ReadonlySet<string>, rules: GbnfRules): readonly (readonly string[])[] {
  const reached = new Map<string, ReadonlySet<string>>();
  for (const name of [...recursive].slice(0, MAX_RECURSIVE)) {
    const found = new Set<string>();
    const queue = [name];
    for (const next of queue) {
      for (const used of referencesOf(ruleOf(rules, next))) {
        if (recursive.has(used) && !found.has(used)) {
          found.add(used);
          queue.push(used);
        }
      }
    }
    reached.set(name, found);
  }
  const groups = new Map<string, string[]>();
  for (const [name, found] of reached) {
    const key =
      [...found]
        .filter((other) => reached.get(other)?.has(name))
        .sort()
        .join() || name;
    groups.set(key, [...(groups.get(key) ?? []), name]);
  }
  const beyond = (group: readonly string[]) =>
    [...(reached.get(group[0] ?? "") ?? [])].filter((name) => !group.includes(name)).length;
  return [...groups.values()].sort((a, b) => beyond(a) - beyond(b));
}

/** Finds the recursive rules, and those that lead to them. */
function findRecursive(rules: GbnfRules): ReadonlySet<string> {
  const left = new Map(Array.from(rules, ([name, node]) => [name, new Set(referencesOf(node))]));
  for (let before = -1; before !== left.size; ) {
    before = left.size;
    for (const [name, names] of left) {
      if ([...names].every((used) => !left.has(used))) {
        left.delete(name);
      }
    }
  }
  return new Set(left.keys());
}

/** Returns the names of the rules that a node uses. */
export function referencesOf(node: GbnfNode): string[] {
  switch (node.type) {
    case "chars":
      return [];
    case "reference":
      return [node.name];
    case "repeat":
      return referencesOf(node.item);
    default:
      return node.items.flatMap(referencesOf);
  }
}

function ruleOf(rules: GbnfRules, name: string): GbnfNode {
  return rules.get(name) ?? { type: "choice", items: [] };
}
