/** The right side of a rule of GBNF, parsed. */
export type GbnfNode =
  /** One code point in one of the ranges, or, inverted, in none. */
  | { readonly type: "chars"; readonly ranges: readonly (readonly [number, number])[]; readonly isInverted: boolean }
  | { readonly type: "reference"; readonly name: string }
  | { readonly type: "sequence"; readonly items: readonly GbnfNode[] }
  | { readonly type: "choice"; readonly items: readonly GbnfNode[] }
  | { readonly type: "repeat"; readonly item: GbnfNode; readonly min: number; readonly max: number };

export type GbnfRules = ReadonlyMap<string, GbnfNode>;
