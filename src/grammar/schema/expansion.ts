import { isStructured } from "./constants.ts";
import { ANY_VALUE } from "./facts.ts";
import { markEvaluated, type Variant } from "./variant.ts";

/** The alternatives of a schema. Both lists are identical when a grammar can express the schema exactly. */
export type Expansion = {
  /** The values for the grammar: all or some of those that the schema admits. */
  readonly written: readonly Variant[];
  /** All values that the schema admits, or more: the values that another branch of `oneOf` must exclude. */
  readonly possible: readonly Variant[];
};

export const ANYTHING: Expansion = { written: ANY_VALUE, possible: ANY_VALUE };

export function exactly(variants: readonly Variant[]): Expansion {
  return { written: variants, possible: variants };
}

export function isExact({ written, possible }: Expansion): boolean {
  return written === possible;
}

/** Applies `change` to both lists, only once if they are identical. */
export function both(expansion: Expansion, change: (variants: readonly Variant[]) => readonly Variant[]): Expansion {
  const written = change(expansion.written);
  return { written, possible: isExact(expansion) ? written : change(expansion.possible) };
}

/** The values of any of `expansions`. */
export function join(expansions: readonly Expansion[]): Expansion {
  const written = expansions.flatMap((expansion) => expansion.written);
  return {
    written,
    possible: expansions.every(isExact) ? written : expansions.flatMap((expansion) => expansion.possible),
  };
}

/** Marks all variants with how the enclosing schemas treat their parts as evaluated. */
export function mark(expansion: Expansion, evaluates: "never" | "unsure"): Expansion {
  return both(expansion, (variants) =>
    variants === ANY_VALUE ? variants : variants.map((variant) => markEvaluated(variant, evaluates)),
  );
}

/** Whether merging the variant may give different results for `written` and for `possible`. */
export function isMergedApart(variant: Variant): boolean {
  return variant.type === "values"
    ? variant.values.some(isStructured)
    : variant.type === "object" && variant.patterns.length > 0;
}
