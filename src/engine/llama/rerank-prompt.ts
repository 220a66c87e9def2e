/** A query and a document that may answer it. */
export type Pair = { readonly query: string; readonly document: string };

/** A reranker's vocabulary, with the special tokens around its texts; undefined if it has none. */
export type PairTokenizer = {
  tokenize(text: string, parseSpecial: boolean): readonly number[];
  readonly begin: number | undefined;
  readonly end: number | undefined;
  readonly separator: number | undefined;
};

/** Joins a pair as llama.cpp's `format_prompt_rerank` does for models without a template: begin, query, end, separator, document, end. */
export function joinPair({ query, document }: Pair, tokenizer: PairTokenizer): readonly number[] {
  const { begin, end, separator } = tokenizer;
  const tokens = [
    begin,
    ...tokenizer.tokenize(query, false),
    end,
    separator,
    ...tokenizer.tokenize(document, false),
    end,
  ];
  return tokens.filter((token) => token !== undefined);
}

const PLACEHOLDER = /(\{query\}|\{document\})/;

/**
 * Fills the model's own template as llama.cpp does. If a text spells a control token, the parts are tokenized separately, so that a
 * document can't end itself and imitate the template.
 */
export function fillRerankTemplate(template: string, pair: Pair, tokenizer: PairTokenizer): readonly number[] {
  const texts: Readonly<Record<string, string>> = { "{query}": pair.query, "{document}": pair.document };
  const parts = template.split(PLACEHOLDER);
  if (Object.values(texts).some((text) => spellsControlToken(text, tokenizer))) {
    return parts.flatMap((part) => {
      const text = texts[part];
      return text === undefined ? tokenizer.tokenize(part, true) : tokenizer.tokenize(text, false);
    });
  }
  return tokenizer.tokenize(parts.map((part) => texts[part] ?? part).join(""), true);
}

function spellsControlToken(text: string, { tokenize }: PairTokenizer): boolean {
  const plain = tokenize(text, false);
  const parsed = tokenize(text, true);
  return plain.length !== parsed.length || plain.some((token, index) => token !== parsed[index]);
}
