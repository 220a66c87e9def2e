import { ANY_CHAR } from "../automaton/char-set.ts";
import { complement, type Dfa, dfaOfTexts, intersect, matches, shortestLength } from "../automaton/dfa.ts";
import { UnsupportedSchemaError } from "../errors.ts";
import type { Budget } from "../limits.ts";
import { compileNode, compileSearch, compileWhole } from "../regex/compile.ts";
import { oneOfSet, repeat } from "../regex/node.ts";
import { FORMAT_NAMES, formatPattern, isUnwritable } from "./formats.ts";
import type { Tolerance } from "./tolerance.ts";
import type { StringFacts, TextRule } from "./variant.ts";

/**
 * The maximum extra length of a string with a pattern and a `maxLength`, beyond the minimum: each length needs its own states. A lower limit
 * is always valid.
 */
const MAX_COUNTED_LENGTH = 256;

/** The automata of strings. */
export type Strings = {
  /** Returns the automaton of the patterns, formats and lengths; undefined if there are only lengths. */
  readonly automaton: (facts: StringFacts) => Dfa | undefined;
  readonly fits: (facts: StringFacts, value: string) => boolean;
  /** Whether no string satisfies the facts. */
  readonly isEmpty: (facts: StringFacts) => boolean;
  /** Whether `pattern`, of `patternProperties`, is found in `text`. False if the pattern isn't supported. */
  readonly finds: (pattern: string, text: string) => boolean;
  /** Returns the texts in which such a pattern is found; undefined if it isn't supported. */
  readonly search: (pattern: string, path: string) => Dfa | undefined;
  /** Returns the same key for equal facts. */
  readonly keyOf: (facts: StringFacts) => string;
};

/** Drops the rules without an automaton. */
export function createStrings(whole: Budget, tolerance: Tolerance): Strings {
  const rulesKnown = new Map<string, Dfa | undefined>();
  const known = new Map<string, Dfa | undefined>();
  /** The reasons that rules aren't supported: reported at every place where they occur. */
  const failures = new Map<string, string>();

  function keyOf({ rules, min, max }: StringFacts): string {
    return JSON.stringify([rules.map(({ keyword, value, isNegated }) => [keyword, value, isNegated]), min, max]);
  }

  function automaton(facts: StringFacts): Dfa | undefined {
    if (facts.rules.length === 0) {
      return undefined;
    }
    const key = keyOf(facts);
    if (known.has(key)) {
      return known.get(key);
    }
    const before = tolerance.count();
    const dfa = makeAutomaton(facts);
    // Dropped keywords must be reported at every place where they occur.
    if (tolerance.count() === before) {
      known.set(key, dfa);
    }
    return dfa;
  }

  function makeAutomaton(facts: StringFacts): Dfa | undefined {
    const rules = facts.rules.flatMap((rule) => {
      const dfa = ofRule(rule);
      return dfa === undefined ? [] : [{ rule, dfa }];
    });
    const [first] = rules;
    if (first === undefined) {
      return undefined;
    }
    const { path, keyword } = first.rule;
    const blamed = rules.length > 1 ? keyword : "maxLength";
    const key = keyOf(facts);
    const failure = failures.get(key);
    if (failure !== undefined) {
      tolerance.drop(path, blamed, failure);
      return first.dfa;
    }
    return tolerance.attempt(path, blamed, () => remember(key, () => joinRules(facts, rules)), first.dfa);
  }

  function joinRules(facts: StringFacts, rules: readonly { readonly rule: TextRule; readonly dfa: Dfa }[]): Dfa {
    const { path = "", keyword = "pattern" } = rules[0]?.rule ?? {};
    const budget = whole.part();
    const spend = (steps: number) => budget.spend(steps, path, keyword);
    const dfa = rules.map((one) => one.dfa).reduce((a, b) => intersect(a, b, spend));
    if (facts.min === 0 && facts.max === Number.POSITIVE_INFINITY) {
      return dfa;
    }
    const longest = Math.max(facts.min, shortestLength(dfa)) + MAX_COUNTED_LENGTH;
    const max = facts.max === Number.POSITIVE_INFINITY ? facts.max : Math.min(facts.max, longest);
    return max < facts.min
      ? { states: [] }
      : intersect(dfa, compileNode(repeat(oneOfSet(ANY_CHAR), facts.min, max), { path, keyword, budget }), spend);
  }

  function ofRule(rule: TextRule): Dfa | undefined {
    const key = JSON.stringify([rule.keyword, rule.value, rule.isNegated]);
    const failure = failures.get(key);
    if (failure !== undefined) {
      tolerance.drop(rule.path, nameOf(rule), failure);
    } else if (!rulesKnown.has(key)) {
      rulesKnown.set(
        key,
        tolerance.attempt(rule.path, nameOf(rule), () => remember(key, () => compileSigned(rule)), undefined),
      );
    }
    return rulesKnown.get(key);
  }

  function compileSigned(rule: TextRule): Dfa | undefined {
    const dfa = compileRule(rule, whole.part());
    return dfa === undefined || !rule.isNegated ? dfa : complement(dfa);
  }

  /** Returns the result of `make`. Remembers why it failed, because finding out again takes as long. */
  function remember<T>(key: string, make: () => T): T {
    try {
      return make();
    } catch (error) {
      if (error instanceof UnsupportedSchemaError) {
        failures.set(key, error.reason);
      }
      throw error;
    }
  }

  function search(value: string, path: string): Dfa | undefined {
    const key = `search ${value}`;
    if (!rulesKnown.has(key)) {
      const keyword = "patternProperties";
      const source = { path, keyword, budget: whole.part() };
      rulesKnown.set(
        key,
        tolerance.attempt(path, keyword, () => compileSearch(value, source), undefined),
      );
    }
    return rulesKnown.get(key);
  }

  return {
    automaton,
    keyOf,
    search,
    finds(pattern, text) {
      const dfa = search(pattern, "");
      return dfa !== undefined && matches(dfa, text);
    },
    fits(facts, value) {
      const length = Array.from(value).length;
      const dfa = automaton({ ...facts, min: 0, max: Number.POSITIVE_INFINITY });
      return length >= facts.min && length <= facts.max && (dfa === undefined || matches(dfa, value));
    },
    isEmpty: (facts) => facts.min > facts.max || automaton(facts)?.states.length === 0,
  };
}

/** The keyword to report. */
function nameOf({ keyword, isNegated }: TextRule): string {
  return isNegated ? "not" : keyword;
}

function compileRule(rule: TextRule, budget: Budget): Dfa | undefined {
  const source = { path: rule.path, keyword: nameOf(rule), budget };
  switch (rule.keyword) {
    case "enum":
      return dfaOfTexts(rule.value, (steps) => budget.spend(steps, source.path, source.keyword));
    case "pattern":
      return compileSearch(rule.value, source);
    case "format": {
      const pattern = formatPattern(rule.value);
      if (pattern === undefined && isUnwritable(rule.value)) {
        throw new UnsupportedSchemaError(
          source.path,
          "format",
          `'${rule.value}' is not a format that can be enforced; use one of: ${FORMAT_NAMES.join(", ")}`,
        );
      }
      // JSON Schema 2020-12: an unknown format is an annotation.
      return pattern === undefined ? undefined : compileWhole(pattern, source);
    }
  }
}
