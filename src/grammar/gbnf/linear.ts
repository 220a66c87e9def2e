import { choice, EMPTY, NEVER, type RegexNode, repeat, sequence } from "../regex/node.ts";
import type { GbnfNode, GbnfRules } from "./node.ts";

/** The maximum number of rules in a group. Each one that is inserted makes the others longer. */
const MAX_RULES = 24;

/** An alternative: the expression before the final rule `to`, or, if `to` is undefined, the whole alternative. */
type Part = { readonly before: RegexNode; readonly to: string | undefined };

/**
 * Converts rules that lead to each other only at their ends, such as `a ::= "x" a | "y"`, to regular expressions. Undefined if they do so
 * elsewhere.
 *
 * @param group the rules that lead to each other
 * @param toRegex converts a node that leads to none of them; undefined if that isn't possible
 */
export function solveLinear(
  group: readonly string[],
  rules: GbnfRules,
  toRegex: (node: GbnfNode) => RegexNode | undefined,
): ReadonlyMap<string, RegexNode> | undefined {
  if (group.length > MAX_RULES) {
    return undefined;
  }
  const equations = new Map<string, readonly Part[]>();
  for (const name of group) {
    const parts = split(rules.get(name) ?? { type: "choice", items: [] }, new Set(group), toRegex);
    if (parts === undefined) {
      return undefined;
    }
    equations.set(name, parts);
  }
  // Each rule is inserted into the earlier ones, and at the end the earlier ones into it.
  for (const [index, name] of group.entries()) {
    equations.set(name, withoutItself(name, equations.get(name) ?? []));
    for (const other of group.slice(index + 1)) {
      equations.set(other, replace(name, equations.get(name) ?? [], equations.get(other) ?? []));
    }
  }
  const solved = new Map<string, RegexNode>();
  for (const name of group.toReversed()) {
    const parts = equations.get(name) ?? [];
    const items = parts.map(({ before, to }) => sequence(before, to === undefined ? EMPTY : (solved.get(to) ?? NEVER)));
    solved.set(name, choice(...items));
  }
  return solved;
}

/** `a ::= x a | y` is `x* y`. */
function withoutItself(name: string, parts: readonly Part[]): readonly Part[] {
  const loops = parts.filter(({ to }) => to === name).map(({ before }) => before);
  const others = parts.filter(({ to }) => to !== name);
  const loop = repeat(choice(...loops), 0, Number.POSITIVE_INFINITY);
  return loops.length === 0 ? others : others.map(({ before, to }) => ({ before: sequence(loop, before), to }));
}

function replace(name: string, by: readonly Part[], parts: readonly Part[]): readonly Part[] {
  return parts.flatMap((part) =>
    part.to === name ? by.map(({ before, to }) => ({ before: sequence(part.before, before), to })) : [part],
  );
}

function split(
  node: GbnfNode,
  group: ReadonlySet<string>,
  toRegex: (node: GbnfNode) => RegexNode | undefined,
): readonly Part[] | undefined {
  const regex = toRegex(node);
  if (regex !== undefined) {
    return [{ before: regex, to: undefined }];
  }
  switch (node.type) {
    case "chars":
      return undefined;
    case "reference":
      return group.has(node.name) ? [{ before: EMPTY, to: node.name }] : undefined;
    case "repeat": {
      const parts = node.max === 1 ? split(node.item, group, toRegex) : undefined;
      return parts === undefined || node.min === 1 ? parts : [...parts, { before: EMPTY, to: undefined }];
    }
    case "choice": {
      const parts = node.items.map((item) => split(item, group, toRegex));
      return parts.includes(undefined) ? undefined : parts.flatMap((found) => found ?? []);
    }
    case "sequence": {
      const before = node.items.slice(0, -1).map(toRegex);
      const last = node.items.at(-1);
      const parts = last === undefined || before.includes(undefined) ? undefined : split(last, group, toRegex);
      const known = before.flatMap((item) => item ?? []);
      return parts?.map((part) => ({ ...part, before: sequence(...known, part.before) }));
    }
  }
}
