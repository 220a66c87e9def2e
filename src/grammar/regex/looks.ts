import { complement, type Dfa, intersect } from "../automaton/dfa.ts";
import { UnsupportedSchemaError } from "../errors.ts";
import { ANYTHING, choice, type RegexNode, type Source, sequence } from "./node.ts";

/**
 * Resolves look-aheads: the rest after a look-ahead becomes its intersection with the look-ahead. Throws `UnsupportedSchemaError` for a
 * look-ahead in a part that repeats.
 */
export function resolveLooks(
  node: RegexNode,
  source: Source,
  compile: (node: RegexNode, source: Source) => Dfa,
): RegexNode {
  if (!looks(node)) {
    return node;
  }
  const items = sayStartOnce(flatten(node));
  const choiceAt = items.findIndex((item) => item.type === "choice" && looks(item));
  const lookAt = items.findIndex((item) => item.type === "look");
  const found = items[choiceAt];
  if (found?.type === "choice" && (lookAt < 0 || choiceAt < lookAt)) {
    return choice(
      ...found.items.map((item) =>
        resolveLooks(sequence(...items.slice(0, choiceAt), item, ...items.slice(choiceAt + 1)), source, compile),
      ),
    );
  }
  const look = items[lookAt];
  const rest = sequence(...items.slice(lookAt + 1));
  if (look?.type !== "look" || has(rest, "start") || has(look.inner, "start")) {
    throw new UnsupportedSchemaError(
      source.path,
      source.keyword,
      "look-ahead in a part that repeats in it is not supported",
    );
  }
  const spend = (steps: number) => source.budget.spend(steps, source.path, source.keyword);
  const seen = compile(sequence(look.inner, ANYTHING), source);
  const behind = compile(rest, source);
  const both = intersect(behind, look.isNegated ? complement(seen) : seen, spend);
  return sequence(...items.slice(0, lookAt), { type: "automaton", dfa: both });
}

/** Removes a redundant `^` from look-aheads right after a `^`, as in `^(?!^$)`. */
function sayStartOnce(items: readonly RegexNode[]): readonly RegexNode[] {
  let isAtStart = false;
  return items.map((item) => {
    isAtStart = item.type === "start" || (isAtStart && item.type === "look");
    return isAtStart && item.type === "look" ? { ...item, inner: withoutStart(item.inner) } : item;
  });
}

/** Removes `^` from `node`, which is at the beginning of the text. */
function withoutStart(node: RegexNode): RegexNode {
  if (node.type === "choice") {
    return choice(...node.items.map(withoutStart));
  }
  const items = flatten(node);
  const first = items.findIndex(({ type }) => type !== "start");
  return first === 0 ? node : sequence(...(first < 0 ? [] : items.slice(first)));
}

function flatten(node: RegexNode): readonly RegexNode[] {
  return node.type === "sequence" ? node.items.flatMap(flatten) : [node];
}

function looks(node: RegexNode): boolean {
  return has(node, "look");
}

function has(node: RegexNode, type: RegexNode["type"]): boolean {
  if (node.type === type) {
    return true;
  }
  switch (node.type) {
    case "sequence":
    case "choice":
      return node.items.some((item) => has(item, type));
    case "repeat":
      return has(node.item, type);
    case "look":
      return has(node.inner, type);
    default:
      return false;
  }
}
