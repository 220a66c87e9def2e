import {
  canonicalNumber,
  compareDecimals,
  type Decimal,
  isMultiple,
  isWhole,
  parseDecimal,
} from "../../json/decimal.ts";
import { ExactNumber, isNumber, sourceOf } from "../../json/exact-number.ts";
import { isRecord } from "./keywords.ts";
import type { Strings } from "./strings.ts";
import {
  type ArrayFacts,
  type Bound,
  type Conjunction,
  conjunctionOf,
  type NumberFacts,
  type ObjectFacts,
  settleUnevaluated,
  type Variant,
} from "./variant.ts";

/** Checks whether a schema admits a known value, such as one of an `enum`. */
export type Admission = {
  readonly admits: (conjunction: Conjunction, value: unknown) => boolean;
  readonly variantAdmits: (variant: Variant, value: unknown) => boolean;
};

export function createAdmission({
  expand,
  strings,
}: {
  readonly expand: (conjunction: Conjunction) => readonly Variant[];
  readonly strings: Strings;
}): Admission {
  function admits(conjunction: Conjunction, value: unknown): boolean {
    return expand(conjunction).some((variant) => variantAdmits(variant, value));
  }
  function variantAdmits(variant: Variant, value: unknown): boolean {
    switch (variant.type) {
      case "values":
        return variant.values.some((listed) => sameJson(listed, value));
      case "null":
        return value === null;
      case "boolean":
        return typeof value === "boolean";
      case "number":
        return isNumber(value) && spelledNumberFits(variant, sourceOf(value));
      case "string":
        return typeof value === "string" && strings.fits(variant, value);
      case "array":
        return Array.isArray(value) && arrayFits(settleUnevaluated(variant), value);
      case "object":
        return isRecord(value) && objectFits(settleUnevaluated(variant), value);
    }
  }
  function arrayFits(facts: ArrayFacts, value: readonly unknown[]): boolean {
    const { prefix, items, min, max, isUnique } = facts;
    return (
      value.length >= min &&
      value.length <= max &&
      (!isUnique || new Set(value.map(sortedJson)).size === value.length) &&
      value.every((item, index) => admits(prefix[index] ?? items ?? [], item))
    );
  }
  function objectFits(facts: ObjectFacts, value: Readonly<Record<string, unknown>>): boolean {
    const keys = Object.keys(value);
    return (
      keys.length >= facts.min &&
      keys.length <= facts.max &&
      [...facts.required].every((key) => Object.hasOwn(value, key)) &&
      keys.every((key) => admits(facts.names, key) && admits(conjunctionOf(facts, key, strings.finds), value[key]))
    );
  }
  return { admits, variantAdmits };
}

function spelledNumberFits(facts: NumberFacts, source: string): boolean {
  const value = parseDecimal(source);
  return value !== undefined && numberFits(facts, value);
}

export function numberFits({ isInteger, lower, upper, multiplesOf }: NumberFacts, value: Decimal): boolean {
  return (
    (!isInteger || isWhole(value)) &&
    isAbove(value, lower) &&
    isBelow(value, upper) &&
    multiplesOf.every((step) => isMultiple(value, step))
  );
}

function isAbove(value: Decimal, bound: Bound | undefined): boolean {
  if (bound === undefined) return true;
  const order = compareDecimals(value, bound.value);
  return bound.isExclusive ? order > 0 : order >= 0;
}

function isBelow(value: Decimal, bound: Bound | undefined): boolean {
  if (bound === undefined) return true;
  const order = compareDecimals(value, bound.value);
  return bound.isExclusive ? order < 0 : order <= 0;
}

/** Whether two values are equal in JSON Schema: the order of keys and the spelling of numbers don't matter. */
export function sameJson(a: unknown, b: unknown): boolean {
  return sortedJson(a) === sortedJson(b);
}

/** Returns the same text for equal values. */
export function sortedJson(value: unknown): string {
  return JSON.stringify(canonical(value));
}

function canonical(value: unknown): unknown {
  if (isNumber(value)) {
    const source = sourceOf(value);
    const decimal = parseDecimal(source);
    return new ExactNumber(decimal === undefined ? source : canonicalNumber(decimal));
  }
  if (Array.isArray(value)) return value.map(canonical);
  if (!isRecord(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, part]) => [key, canonical(part)]),
  );
}
