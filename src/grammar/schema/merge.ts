import { canonicalNumber } from "../../json/decimal.ts";
import { tighterLower, tighterUpper } from "./facts.ts";
import type { ArrayFacts, Conjunction, NumberFacts, ObjectFacts, StringFacts, Variant } from "./variant.ts";

/**
 * The values that are in `a` and in `b`; undefined where there are none for sure. `admits` says whether a value is in a variant.
 */
export function mergeVariants(
  a: Variant,
  b: Variant,
  admits: (variant: Variant, value: unknown) => boolean,
): Variant | undefined {
  if (a.type === "values" || b.type === "values") {
    const [listed, other] = a.type === "values" ? [a, b] : [b, a];
    const values = listed.type === "values" ? listed.values.filter((value) => admits(other, value)) : [];
    return values.length === 0 ? undefined : { type: "values", values, path: listed.path };
  }
  const path = b.path === "" ? a.path : b.path;
  if (a.type === "number" && b.type === "number") {
    return { ...mergeNumbers(a, b), path };
  }
  if (a.type === "string" && b.type === "string") {
    return { ...mergeStrings(a, b), path };
  }
  if (a.type === "array" && b.type === "array") {
    return { ...mergeArrays(a, b), path };
  }
  if (a.type === "object" && b.type === "object") {
    return { ...mergeObjects(a, b), path };
  }
  return a.type === b.type ? { ...a, path } : undefined;
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
  const rules = new Map([...a.rules, ...b.rules].map((rule) => [`${rule.keyword}:${rule.value}`, rule]));
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
    min: Math.max(a.min, b.min),
    max: Math.min(a.max, b.max),
  };
}

function mergeObjects(a: ObjectFacts, b: ObjectFacts): ObjectFacts {
  const keys = new Set([...a.properties.keys(), ...b.properties.keys()]);
  return {
    type: "object",
    properties: new Map(
      Array.from(keys, (key) => [
        key,
        [...(a.properties.get(key) ?? a.additional ?? []), ...(b.properties.get(key) ?? b.additional ?? [])],
      ]),
    ),
    required: new Set([...a.required, ...b.required]),
    additional: mergeConjunctions(a.additional, b.additional),
    names: [...a.names, ...b.names],
    min: Math.max(a.min, b.min),
    max: Math.min(a.max, b.max),
  };
}

function mergeConjunctions(a: Conjunction | undefined, b: Conjunction | undefined): Conjunction | undefined {
  return a === undefined ? b : b === undefined ? a : [...a, ...b];
}
