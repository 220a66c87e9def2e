/** A part of a Lark grammar. Terminals and rules are the same here: both name texts. */
export type LarkNode =
  | { readonly type: "text"; readonly text: string; readonly ignoresCase: boolean }
  | { readonly type: "range"; readonly first: string; readonly last: string }
  | { readonly type: "regex"; readonly pattern: string }
  | { readonly type: "reference"; readonly name: string }
  | { readonly type: "sequence" | "choice"; readonly items: readonly LarkNode[] }
  | { readonly type: "repeat"; readonly item: LarkNode; readonly min: number; readonly max: number };

export type LarkGrammar = {
  readonly definitions: ReadonlyMap<string, LarkNode>;
  /** The texts allowed between two terminals. */
  readonly ignored: readonly LarkNode[];
};
