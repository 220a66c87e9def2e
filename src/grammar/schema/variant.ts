import type { JsonSchema } from "../../generation/request.ts";
import type { Decimal } from "../../json/decimal.ts";

/** A schema and its path. */
export type Located = {
  readonly schema: JsonSchema;
  readonly path: string;
  /** Whether its parts count as evaluated for `unevaluatedProperties` and `unevaluatedItems`; if absent, they do. */
  readonly evaluates?: "never" | "unsure";
};

/** Schemas that a value must all satisfy. An empty list admits every value. */
export type Conjunction = readonly Located[];

export type Bound = { readonly value: Decimal; readonly isExclusive: boolean };

/** A rule that a string must match, or, negated, must not: a regular expression to search for, a format, or one of several texts. */
export type TextRule = { readonly path: string; readonly isNegated: boolean } & (
  | { readonly keyword: "pattern" | "format"; readonly value: string }
  | { readonly keyword: "enum"; readonly value: readonly string[] }
);

/** A schema without applicators and references, by types of values. */
export type Variant = {
  readonly path: string;
  /** The paths of the schemas with these facts. */
  readonly sources?: readonly string[];
  /** The schema neither names this type nor restricts it. The type is written only if that is true for all types. */
  readonly isUnnamed?: boolean;
} & (
  | { readonly type: "values"; readonly values: readonly unknown[] }
  | { readonly type: "null" | "boolean" }
  | NumberFacts
  | StringFacts
  | ArrayFacts
  | ObjectFacts
);

export type NumberFacts = {
  readonly type: "number";
  readonly isInteger: boolean;
  readonly lower: Bound | undefined;
  readonly upper: Bound | undefined;
  readonly multiplesOf: readonly Decimal[];
};

export type StringFacts = {
  readonly type: "string";
  /** In code points. */
  readonly min: number;
  readonly max: number;
  readonly rules: readonly TextRule[];
};

export type ArrayFacts = {
  readonly type: "array";
  readonly prefix: readonly Conjunction[];
  /** The items after the prefix; undefined if unspecified. */
  readonly items: Conjunction | undefined;
  /** Like `items`, for items that no other keyword evaluates. */
  readonly unevaluated: Conjunction | undefined;
  readonly min: number;
  readonly max: number;
  readonly isUnique: boolean;
};

export type ObjectFacts = {
  readonly type: "object";
  /** In the order of the grammar. */
  readonly properties: ReadonlyMap<string, Conjunction>;
  readonly required: ReadonlySet<string>;
  /** The values of all other properties; undefined if unspecified. */
  readonly additional: Conjunction | undefined;
  /** The properties whose names match a pattern; they don't count as others. */
  readonly patterns: readonly PatternFacts[];
  /** Like `additional`, for properties that no other keyword evaluates. */
  readonly unevaluated: Conjunction | undefined;
  /** The schemas of the names. */
  readonly names: Conjunction;
  readonly min: number;
  readonly max: number;
};

type PatternFacts = { readonly pattern: string; readonly path: string; readonly conjunction: Conjunction };

/** Whether `pattern` is found in a property's name. */
export type MatchName = (pattern: string, key: string) => boolean;

/** Returns the schemas for the property `key`; `others` if neither a property nor a pattern matches. */
export function conjunctionOf(
  facts: ObjectFacts,
  key: string,
  matches: MatchName,
  others: Conjunction = facts.additional ?? [],
): Conjunction {
  const declared = facts.properties.get(key);
  if (declared !== undefined) {
    return declared;
  }
  const found = facts.patterns.filter(({ pattern }) => matches(pattern, key));
  return found.length > 0 ? found.flatMap(({ conjunction }) => conjunction) : others;
}

/** Marks the parts of the values with `evaluates`. */
export function markEvaluated(variant: Variant, evaluates: "never" | "unsure"): Variant {
  return mapDeclared(variant, (conjunction) => conjunction.map((located) => ({ ...located, evaluates })));
}

/** Whether it is unknown which parts were evaluated. */
export function isUnsure(variant: Variant): boolean {
  let found = false;
  mapDeclared(variant, (conjunction) => {
    found ||= !isEvaluated(conjunction) && conjunction.some(({ evaluates }) => evaluates === "unsure");
    return conjunction;
  });
  return found;
}

/** Applies the rules for unevaluated parts, which depend only on a schema and its own parts. */
export function settleUnevaluated<V extends Variant>(variant: V): V;
export function settleUnevaluated(variant: Variant): Variant {
  if ((variant.type !== "object" && variant.type !== "array") || variant.unevaluated === undefined) {
    return variant;
  }
  const { unevaluated } = variant;
  const settled = mapDeclared(variant, (conjunction) =>
    isEvaluated(conjunction) ? conjunction : [...conjunction, ...unevaluated],
  );
  switch (settled.type) {
    case "object":
      return { ...settled, additional: settled.additional ?? unevaluated, unevaluated: undefined };
    case "array":
      return { ...settled, items: settled.items ?? unevaluated, unevaluated: undefined };
    default:
      return settled;
  }
}

function isEvaluated(conjunction: Conjunction): boolean {
  return conjunction.some(({ evaluates }) => evaluates === undefined);
}

/** Applies `change` to all schemas of properties and items. */
function mapDeclared(variant: Variant, change: (conjunction: Conjunction) => Conjunction): Variant {
  switch (variant.type) {
    case "object":
      return {
        ...variant,
        properties: new Map(Array.from(variant.properties, ([key, conjunction]) => [key, change(conjunction)])),
        additional: variant.additional && change(variant.additional),
        patterns: variant.patterns.map((facts) => ({ ...facts, conjunction: change(facts.conjunction) })),
      };
    case "array":
      return { ...variant, prefix: variant.prefix.map(change), items: variant.items && change(variant.items) };
    default:
      return variant;
  }
}

/** Removes types that nothing restricts or names, if others are restricted or named. */
export function settleTypes(variants: readonly Variant[]): readonly Variant[] {
  const named = variants.filter(({ isUnnamed }) => isUnnamed !== true);
  return named.length === 0 ? variants : named;
}

/** A schema that admits no value. */
export function isNever(conjunction: Conjunction): boolean {
  return conjunction.some(({ schema }) => schema === false);
}
