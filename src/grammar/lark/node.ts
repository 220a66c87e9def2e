/** A piece of a Lark grammar. Terminals and rules are one here: both are names for what a text may be. */
export type LarkNode =
  | { readonly type: "text"; readonly text: string; readonly ignoresCase: boolean }
  | { readonly type: "range"; readonly first: string; readonly last: string }
  | { readonly type: "regex"; readonly pattern: string }
  | { readonly type: "reference"; readonly name: string }
  | { readonly type: "sequence" | "choice"; readonly items: readonly LarkNode[] }
  | { readonly type: "repeat"; readonly item: LarkNode; readonly min: number; readonly max: number };

export type LarkGrammar = {
  readonly definitions: ReadonlyMap<string, LarkNode>;
  /** What may stand between two terminals. */
  readonly ignored: readonly LarkNode[];
};
