import { literal } from "./text.ts";

/** The right side of a rule as data, so that parts that can't be finished can be removed. */
export type Expression =
  /** Terms of GBNF, with alternatives only in parentheses. They always match something. */
  | { readonly type: "terms"; readonly gbnf: string }
  /** A reference to another rule that is made from an expression. */
  | { readonly type: "reference"; readonly name: string }
  | { readonly type: "sequence"; readonly items: readonly Expression[] }
  /** Without items, matches nothing. */
  | { readonly type: "choice"; readonly items: readonly Expression[] }
  /** `item`, which must not be empty, from `min` to `max` times. */
  | { readonly type: "repeat"; readonly item: Expression; readonly min: number; readonly max: number };

export const NOTHING: Expression = { type: "choice", items: [] };
export const NO_TEXT: Expression = { type: "terms", gbnf: '""' };

export function terms(gbnf: string): Expression {
  return { type: "terms", gbnf };
}

export function quoted(text: string): Expression {
  return terms(literal(text));
}

export function reference(name: string): Expression {
  return { type: "reference", name };
}

export function sequenceOf(...items: readonly Expression[]): Expression {
  return { type: "sequence", items };
}

export function choiceOf(...items: readonly Expression[]): Expression {
  return { type: "choice", items };
}

export function repeated(item: Expression, min: number, max: number): Expression {
  return { type: "repeat", item, min, max };
}

/**
 * Returns the rules from which a text can be finished. This excludes rules without a value, and endless recursion, such as a tree whose
 * every node must have a child.
 */
export function findProductive(rules: ReadonlyMap<string, Expression>): ReadonlySet<string> {
  const productive = new Set<string>();
  const users = new Map<string, Set<string>>();
  for (const [name, expression] of rules) {
    for (const used of referencesOf(expression)) {
      users.set(used, (users.get(used) ?? new Set()).add(name));
    }
  }
  const queue = new Set(rules.keys());
  for (const name of queue) {
    queue.delete(name);
    const expression = rules.get(name);
    if (!productive.has(name) && expression !== undefined && canFinish(expression, productive)) {
      productive.add(name);
      for (const user of users.get(name) ?? []) {
        queue.add(user);
      }
    }
  }
  return productive;
}

/** The names of the rules in `expression`. */
function referencesOf(expression: Expression): string[] {
  switch (expression.type) {
    case "terms":
      return [];
    case "reference":
      return [expression.name];
    case "repeat":
      return referencesOf(expression.item);
    default:
      return expression.items.flatMap(referencesOf);
  }
}

/** Whether a text can be finished from `expression`, given the rules from which one can. */
export function canFinish(expression: Expression, productive: ReadonlySet<string>): boolean {
  switch (expression.type) {
    case "terms":
      return true;
    case "reference":
      return productive.has(expression.name);
    case "sequence":
      return expression.items.every((item) => canFinish(item, productive));
    case "choice":
      return expression.items.some((item) => canFinish(item, productive));
    case "repeat":
      return expression.min === 0 || canFinish(expression.item, productive);
  }
}
