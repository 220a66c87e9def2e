import { ANY_CHAR } from "../automaton/char-set.ts";
import { type Dfa, intersect, matches, shortestLength } from "../automaton/dfa.ts";
import { UnsupportedSchemaError } from "../errors.ts";
import type { Budget } from "../limits.ts";
import { compileNode, compileSearch, compileWhole, type Source } from "../regex/compile.ts";
import { oneOfSet, repeat } from "../regex/node.ts";
import { FORMAT_NAMES, formatPattern } from "./formats.ts";
import type { StringFacts, TextRule } from "./variant.ts";

/**
 * How much longer than it must be a string with a pattern and a `maxLength` may become: each length takes states of its own. Shorter is
 * always allowed.
 */
const MAX_COUNTED_LENGTH = 256;

/** What strings may be. */
export type Strings = {
  /** The automaton of the patterns, formats and lengths; undefined where there are only lengths. */
  readonly automaton: (facts: StringFacts) => Dfa | undefined;
  readonly fits: (facts: StringFacts, value: string) => boolean;
  /** Whether no string fits. */
  readonly isEmpty: (facts: StringFacts) => boolean;
};

export function createStrings(budget: Budget): Strings {
  const known = new Map<string, Dfa>();

  function automaton(facts: StringFacts): Dfa | undefined {
    const rules = facts.rules.filter(({ keyword, value }) => keyword === "pattern" || formatPattern(value) !== "");
    const [first] = rules;
    if (first === undefined) {
      return undefined;
    }
    const source = { path: first.path, keyword: first.keyword, budget };
    const spend = (steps: number) => budget.spend(steps, first.path, first.keyword);
    const dfa = rules.map(ofRule).reduce((a, b) => intersect(a, b, spend));
    if (facts.min === 0 && facts.max === Number.POSITIVE_INFINITY) {
      return dfa;
    }
    const longest = Math.max(facts.min, shortestLength(dfa)) + MAX_COUNTED_LENGTH;
    const max = facts.max === Number.POSITIVE_INFINITY ? facts.max : Math.min(facts.max, longest);
    return max < facts.min
      ? { states: [] }
      : intersect(dfa, compileNode(repeat(oneOfSet(ANY_CHAR), facts.min, max), source), spend);
  }

  function ofRule({ keyword, value, path }: TextRule): Dfa {
    const key = `${keyword}:${value}`;
    const dfa = known.get(key) ?? compileRule({ path, keyword, budget }, value);
    known.set(key, dfa);
    return dfa;
  }

  return {
    automaton,
    fits(facts, value) {
      const length = Array.from(value).length;
      const dfa = automaton({ ...facts, min: 0, max: Number.POSITIVE_INFINITY });
      return length >= facts.min && length <= facts.max && (dfa === undefined || matches(dfa, value));
    },
    isEmpty: (facts) => facts.min > facts.max || automaton(facts)?.states.length === 0,
  };
}

function compileRule(source: Source, value: string): Dfa {
  if (source.keyword === "pattern") {
    return compileSearch(value, source);
  }
  const pattern = formatPattern(value);
  if (pattern === undefined) {
    throw new UnsupportedSchemaError(
      source.path,
      "format",
      `'${value.slice(0, 64)}' is not among those that text can be held to: ${FORMAT_NAMES.join(", ")}`,
    );
  }
  return compileWhole(pattern, source);
}
