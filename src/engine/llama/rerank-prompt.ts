/** A query and a document that may answer it. */
export type Pair = { readonly query: string; readonly document: string };

/** What a reranker's vocabulary puts around its texts; undefined for what it doesn't. */
export type PairTokenizer = {
  tokenize(text: string, parseSpecial: boolean): readonly number[];
  readonly begin: number | undefined;
  readonly end: number | undefined;
  readonly separator: number | undefined;
};

/** Begin, query, end, separator, document, end: llama.cpp's `format_prompt_rerank` for models without a template. */
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
 * The model's own template with both texts in it, as llama.cpp does it. Where a text spells a control token the parts are tokenized
 * apart, so that what a document says can't end it and speak for the template.
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
