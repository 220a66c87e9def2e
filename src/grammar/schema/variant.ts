import type { JsonSchema } from "../../generation/request.ts";
import type { Decimal } from "../../json/decimal.ts";

/** A schema, and where it stands. */
export type Located = { readonly schema: JsonSchema; readonly path: string };

/** Schemas that all must hold; where there are none, every value does. */
export type Conjunction = readonly Located[];

export type Bound = { readonly value: Decimal; readonly isExclusive: boolean };

/** What a string must match: a regular expression that is searched in it, or a format. */
export type TextRule = { readonly keyword: "pattern" | "format"; readonly value: string; readonly path: string };

/** A schema that holds for any value, by the types of value: what is left when the applicators and references are worked out. */
export type Variant = { readonly path: string } & (
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
  /** Of those behind the prefix; undefined where nobody says. */
  readonly items: Conjunction | undefined;
  readonly min: number;
  readonly max: number;
};

export type ObjectFacts = {
  readonly type: "object";
  /** In the order in which they are written. */
  readonly properties: ReadonlyMap<string, Conjunction>;
  readonly required: ReadonlySet<string>;
  /** The values of all other properties; undefined where nobody says. */
  readonly additional: Conjunction | undefined;
  /** What their names must be. */
  readonly names: Conjunction;
  readonly min: number;
  readonly max: number;
};

/** What admits no value. */
export function isNever(conjunction: Conjunction): boolean {
  return conjunction.some(({ schema }) => schema === false);
}
