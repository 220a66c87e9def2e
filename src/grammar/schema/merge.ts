import { canonicalNumber } from "../../json/decimal.ts";
import { tighterLower, tighterUpper } from "./facts.ts";
import {
  type ArrayFacts,
  type Conjunction,
  conjunctionOf,
  type MatchName,
  type NumberFacts,
  type ObjectFacts,
  type StringFacts,
  type Variant,
} from "./variant.ts";

/** The most dropped keywords that are reported. */
const MAX_SOURCES = 64;

/** The dependencies of merging. */
export type MergeTools = {
  /** Whether a value is in a variant. */
  readonly admits: (variant: Variant, value: unknown) => boolean;
  readonly matches: MatchName;
  /** If the result can't be exact: whether it has fewer values; otherwise it has more. */
  readonly isNarrow: boolean;
};

/** Returns the values that are in both `a` and `b`; undefined if there are certainly none. */
export type Merge = (a: Variant, b: Variant) => Variant | undefined;

export function createMerge(tools: MergeTools): Merge {
  return (a, b) => mergeVariants(a, b, tools);
}

function mergeVariants(a: Variant, b: Variant, { admits, matches, isNarrow }: MergeTools): Variant | undefined {
  if (a.type === "values" || b.type === "values") {
    const [listed, other] = a.type === "values" ? [a, b] : [b, a];
    const values = listed.type === "values" ? listed.values.filter((value) => admits(other, value)) : [];
    return values.length === 0 ? undefined : { type: "values", values, path: listed.path };
  }
  const place = {
    path: b.path === "" ? a.path : b.path,
    sources: [...new Set([a, b].flatMap(({ sources, path }) => sources ?? [path]))].slice(0, MAX_SOURCES),
    ...(a.isUnnamed === true && b.isUnnamed === true ? { isUnnamed: true } : {}),
  };
  if (a.type === "number" && b.type === "number") {
    return { ...mergeNumbers(a, b), ...place };
  }
  if (a.type === "string" && b.type === "string") {
    return { ...mergeStrings(a, b), ...place };
  }
  if (a.type === "array" && b.type === "array") {
    return { ...mergeArrays(a, b), ...place };
  }
  if (a.type === "object" && b.type === "object") {
    return { ...mergeObjects(a, b, matches, isNarrow), ...place };
  }
  return a.type === b.type && (a.type === "null" || a.type === "boolean") ? { type: a.type, ...place } : undefined;
}

function mergeNumbers(a: NumberFacts, b: NumberFacts): NumberFacts {
  return {
    type: "number",
    isInteger: a.isInteger || b.isInteger,
    lower: tighterLower([a.lower, b.lower]),
    upper: tighterUpper([a.upper, b.upper]),
    multiplesOf: [
      ...new Map([...a.multiplesOf, ...b.multiplesOf].map((step) => [canonicalNumber(step), step])).values(),
    ],
  };
}

function mergeStrings(a: StringFacts, b: StringFacts): StringFacts {
  const rules = new Map(
    [...a.rules, ...b.rules].map((rule) => [`${rule.keyword}:${rule.isNegated}:${JSON.stringify(rule.value)}`, rule]),
  );
  return { type: "string", min: Math.max(a.min, b.min), max: Math.min(a.max, b.max), rules: [...rules.values()] };
}

function mergeArrays(a: ArrayFacts, b: ArrayFacts): ArrayFacts {
  const length = Math.max(a.prefix.length, b.prefix.length);
  return {
    type: "array",
    prefix: Array.from({ length }, (_, index) => [
      ...(a.prefix[index] ?? a.items ?? []),
      ...(b.prefix[index] ?? b.items ?? []),
    ]),
    items: mergeConjunctions(a.items, b.items),
    unevaluated: mergeConjunctions(a.unevaluated, b.unevaluated),
    min: Math.max(a.min, b.min),
    max: Math.min(a.max, b.max),
    isUnique: a.isUnique || b.isUnique,
  };
}

function mergeObjects(a: ObjectFacts, b: ObjectFacts, matches: MatchName, isNarrow: boolean): ObjectFacts {
  const keys = new Set([...a.properties.keys(), ...b.properties.keys()]);
  return {
    type: "object",
    properties: new Map(
      Array.from(keys, (key) => [key, [...conjunctionOf(a, key, matches), ...conjunctionOf(b, key, matches)]]),
    ),
    required: new Set([...a.required, ...b.required]),
    additional: mergeConjunctions(a.additional, b.additional),
    patterns: [...restrictPatterns(a, b, isNarrow), ...restrictPatterns(b, a, isNarrow)],
    unevaluated: mergeConjunctions(a.unevaluated, b.unevaluated),
    names: [...a.names, ...b.names],
    min: Math.max(a.min, b.min),
    max: Math.min(a.max, b.max),
  };
}

/** To `other`, names that match the patterns are additional, unless its own patterns match them. Patterns aren't compared. */
function restrictPatterns({ patterns }: ObjectFacts, other: ObjectFacts, isNarrow: boolean): ObjectFacts["patterns"] {
  if (other.patterns.length > 0 && !isNarrow) return patterns;
  return patterns.map((facts) => ({ ...facts, conjunction: [...facts.conjunction, ...(other.additional ?? [])] }));
}

function mergeConjunctions(a: Conjunction | undefined, b: Conjunction | undefined): Conjunction | undefined {
  return a === undefined ? b : b === undefined ? a : [...a, ...b];
}
