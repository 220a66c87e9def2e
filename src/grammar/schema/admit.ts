import { isRecord } from "./keywords.ts";
import type { Strings } from "./strings.ts";
import type { ArrayFacts, Bound, Conjunction, NumberFacts, ObjectFacts, Variant } from "./variant.ts";

/** Says whether a value that is at hand, such as one of an `enum`, is what a schema wants. */
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
        return typeof value === "number" && numberFits(variant, value);
      case "string":
        return typeof value === "string" && strings.fits(variant, value);
      case "array":
        return Array.isArray(value) && arrayFits(variant, value);
      case "object":
        return isRecord(value) && objectFits(variant, value);
    }
  }
  function arrayFits({ prefix, items, min, max }: ArrayFacts, value: readonly unknown[]): boolean {
    return (
      value.length >= min &&
      value.length <= max &&
      value.every((item, index) => admits(prefix[index] ?? items ?? [], item))
    );
  }
  function objectFits(facts: ObjectFacts, value: Readonly<Record<string, unknown>>): boolean {
    const keys = Object.keys(value);
    return (
      keys.length >= facts.min &&
      keys.length <= facts.max &&
      [...facts.required].every((key) => Object.hasOwn(value, key)) &&
      keys.every(
        (key) => admits(facts.names, key) && admits(facts.properties.get(key) ?? facts.additional ?? [], value[key]),
      )
    );
  }
  return { admits, variantAdmits };
}

export function numberFits({ isInteger, lower, upper, multiplesOf }: NumberFacts, value: number): boolean {
  return (
    (!isInteger || Number.isInteger(value)) &&
    isAbove(value, lower) &&
    isBelow(value, upper) &&
    multiplesOf.every((step) => Number.isInteger(value / step))
  );
}

function isAbove(value: number, bound: Bound | undefined): boolean {
  return bound === undefined || (bound.isExclusive ? value > bound.value : value >= bound.value);
}

function isBelow(value: number, bound: Bound | undefined): boolean {
  return bound === undefined || (bound.isExclusive ? value < bound.value : value <= bound.value);
}

/** Whether two values are equal as JSON Schema has it: the order of an object's keys doesn't count. */
export function sameJson(a: unknown, b: unknown): boolean {
  return sortedJson(a) === sortedJson(b);
}

function sortedJson(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    isRecord(part) ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1))) : part,
  );
}
