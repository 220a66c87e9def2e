import { UnsupportedSchemaError } from "../errors.ts";
import { estimateCost } from "./cost.ts";
import { makeDeterministic, referencesOf } from "./determine.ts";
import type { GbnfNode, GbnfRules } from "./node.ts";
import { GbnfSyntaxError, parseGbnf } from "./parse.ts";

/** The maximum length of a client's grammar, in characters. */
const MAX_LENGTH = 64 * 1024;
const MAX_GRAMMAR_RULES = 2_000;
/** The maximum number of llama.cpp's elements, after every repetition is expanded. */
const MAX_ELEMENTS = 200_000;
/** The maximum cost of a token, by `estimateCost`: at most a second of one core. */
export const MAX_COST = 150_000_000;

/**
 * Parses a grammar. Throws `UnsupportedSchemaError` if llama.cpp would refuse it or could be exhausted by it: if it is too large, has
 * unknown names, lacks `root`, or has a rule that begins with itself.
 */
export function checkGbnf(source: string, path: string): GbnfRules {
  const refuse = (reason: string) => new UnsupportedSchemaError(path, "grammar", reason);
  if (source.length > MAX_LENGTH) {
    throw refuse(`it is longer than ${MAX_LENGTH} characters`);
  }
  const rules = parseOrRefuse(source, refuse);
  if (rules.size > MAX_GRAMMAR_RULES) {
    throw refuse(`it has more than ${MAX_GRAMMAR_RULES} rules`);
  }
  if (!rules.has("root")) {
    throw refuse("it has no rule named root");
  }
  for (const [name, node] of rules) {
    const unknown = referencesOf(node).find((used) => !rules.has(used));
    if (unknown !== undefined) {
      throw refuse(`the rule ${name} uses ${unknown}, which is not defined`);
    }
  }
  const elements = [...rules.values()].reduce((sum, node) => sum + countElements(node), 0);
  if (elements > MAX_ELEMENTS) {
    throw refuse("its repetitions make it too large");
  }
  const recursive = findLeftRecursion(rules);
  if (recursive !== undefined) {
    throw refuse(`the rule ${recursive} begins with itself, or repeats what may be empty; put a character before it`);
  }
  return rules;
}

/**
 * Makes a client's grammar safe for llama.cpp. If its ambiguity would make tokens slow, returns an unambiguous grammar for the same texts.
 * Throws `UnsupportedSchemaError` if there is none, and like `checkGbnf`.
 */
export function admitGbnf(source: string, path: string): string {
  const outcome = admit(checkGbnf(source, path), source, path);
  if (outcome === "") {
    throw tooCostly(path);
  }
  return outcome;
}

function tooCostly(path: string): UnsupportedSchemaError {
  return new UnsupportedSchemaError(
    path,
    "grammar",
    "a text can be read in too many ways, which makes each token slow; leave out alternatives and repetitions that match the same",
  );
}

/** Returns the grammar to use; empty if there is none. */
function admit(rules: GbnfRules, source: string, path: string): string {
  if (estimateCost(rules) <= MAX_COST) {
    return source;
  }
  try {
    const written = makeDeterministic(rules, path);
    return estimateCost(parseGbnf(written)) <= MAX_COST ? written : "";
  } catch (error) {
    if (error instanceof UnsupportedSchemaError) {
      return "";
    }
    throw error;
  }
}

function parseOrRefuse(source: string, refuse: (reason: string) => UnsupportedSchemaError): GbnfRules {
  try {
    return parseGbnf(source);
  } catch (error) {
    throw error instanceof GbnfSyntaxError ? refuse(error.message) : error;
  }
}

function countElements(node: GbnfNode): number {
  switch (node.type) {
    case "chars":
      return 1 + node.ranges.length;
    case "reference":
      return 1;
    case "repeat":
      return (
        (1 + countElements(node.item)) * Math.max(node.min, node.max === Number.POSITIVE_INFINITY ? 1 : node.max, 1)
      );
    default:
      return node.items.reduce((sum, item) => sum + countElements(item), 1);
  }
}

/** Finds a rule that can reach itself without reading a character: llama.cpp would loop forever. */
function findLeftRecursion(rules: GbnfRules): string | undefined {
  const empty = findEmpty(rules);
  const mayBeEmpty = (node: GbnfNode) => canBeEmpty(node, empty);
  /** Returns the names that `node` may begin with, and `rule` itself if something that may be empty is repeated endlessly. */
  function firsts(node: GbnfNode, rule: string): string[] {
    switch (node.type) {
      case "chars":
        return [];
      case "reference":
        return [node.name];
      case "choice":
        return node.items.flatMap((item) => firsts(item, rule));
      case "repeat":
        return node.max > 1 && mayBeEmpty(node.item) ? [rule] : firsts(node.item, rule);
      case "sequence": {
        const end = node.items.findIndex((item) => !mayBeEmpty(item));
        return node.items.slice(0, end < 0 ? undefined : end + 1).flatMap((item) => firsts(item, rule));
      }
    }
  }
  const next = new Map(
    Array.from(rules, ([name, node]) => [name, new Set([...firsts(node, name), ...hiddenLoops(node, name)])]),
  );
  const before = new Map<string, string[]>();
  for (const [name, names] of next) {
    for (const first of names) {
      const known = before.get(first) ?? [];
      known.push(name);
      before.set(first, known);
    }
  }
  // A rule that begins with none of the remaining ones can't reach itself, and is removed.
  const left = new Map(Array.from(next, ([name, names]) => [name, names.size]));
  const harmless = [...left].filter(([, count]) => count === 0).map(([name]) => name);
  for (const name of harmless) {
    left.delete(name);
    for (const follower of before.get(name) ?? []) {
      const count = (left.get(follower) ?? 0) - 1;
      left.set(follower, count);
      if (count === 0) {
        harmless.push(follower);
      }
    }
  }
  return left.keys().next().value;

  /** Finds repetitions of something that may be empty, anywhere in a rule. */
  function hiddenLoops(node: GbnfNode, rule: string): string[] {
    if (node.type === "chars" || node.type === "reference") {
      return [];
    }
    if (node.type === "repeat") {
      return node.max > 1 && mayBeEmpty(node.item) ? [rule] : hiddenLoops(node.item, rule);
    }
    return node.items.flatMap((item) => hiddenLoops(item, rule));
  }
}

/** Finds the rules that match the empty text. A rule is checked again only after a result for a rule that it uses: chains may be long. */
function findEmpty(rules: GbnfRules): ReadonlySet<string> {
  const empty = new Set<string>();
  const users = new Map<string, Set<string>>();
  for (const [name, node] of rules) {
    for (const used of referencesOf(node)) {
      const known = users.get(used) ?? new Set();
      users.set(used, known.add(name));
    }
  }
  const pending = [...rules.keys()];
  for (const name of pending) {
    const node = rules.get(name);
    if (node !== undefined && !empty.has(name) && canBeEmpty(node, empty)) {
      empty.add(name);
      pending.push(...(users.get(name) ?? []));
    }
  }
  return empty;
}

function canBeEmpty(node: GbnfNode, empty: ReadonlySet<string>): boolean {
  switch (node.type) {
    case "chars":
      return false;
    case "reference":
      return empty.has(node.name);
    case "sequence":
      return node.items.every((item) => canBeEmpty(item, empty));
    case "choice":
      return node.items.some((item) => canBeEmpty(item, empty));
    case "repeat":
      return node.min === 0 || canBeEmpty(node.item, empty);
  }
}
