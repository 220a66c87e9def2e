import { type LlamaModel, LlamaVocabularyType } from "node-llama-cpp";
import type { EmbeddingItem } from "../../generation/embedding.ts";
import type { ItemRefusal } from "../contract/embedding-messages.ts";
import { countExcess } from "./long-text.ts";
import { fillRerankTemplate, joinPair, type PairTokenizer } from "./rerank-prompt.ts";

/** The tokens of an item, or why it can't have a vector. */
export type ItemEncoder = (item: EmbeddingItem) => readonly number[] | ItemRefusal;

/** Returns a function that tokenizes items, with the special tokens that the model's vocabulary needs. */
export function createItemEncoder(
  model: LlamaModel,
  { contextTokens, vocabularySize }: { readonly contextTokens: number; readonly vocabularySize: number },
): ItemEncoder {
  const metadata = model.fileInfo.metadata.tokenizer;
  const rerankTemplate = textOf(metadata, "chat_template.rerank");
  const separates = separatesPairs(model, metadata.ggml);
  const { begin, end } = endsOf(model);
  const { tokens: special } = model;
  const tokenizer: PairTokenizer = {
    tokenize: (text, parseSpecial) => model.tokenize(text, parseSpecial),
    begin: special.shouldPrependBosToken ? (special.bos ?? undefined) : undefined,
    end: special.shouldAppendEosToken ? (special.eos ?? special.sep ?? undefined) : undefined,
    separator: separates ? (special.sep ?? undefined) : undefined,
  };

  /** Refuses a text that is far too long by its beginning, because tokenizing megabytes takes seconds. */
  function excess(text: string): ItemRefusal | undefined {
    const countOf = (limit: number) => model.tokenize(text.slice(0, limit)).length;
    const tokens = countExcess(text.length, contextTokens, countOf);
    return tokens === undefined ? undefined : { code: "too_long", tokens, contextTokens, atLeast: true };
  }

  function tokensOf(item: EmbeddingItem): readonly number[] | ItemRefusal {
    switch (item.type) {
      case "text":
        return excess(item.text) ?? [...begin, ...model.tokenize(item.text), ...end];
      case "tokens": {
        const token = item.tokens.find((each) => each >= vocabularySize);
        return token === undefined ? item.tokens : { code: "unknown_token", token, vocabularySize };
      }
      case "pair":
        return (
          excess(item.query) ??
          excess(item.document) ??
          (rerankTemplate === undefined
            ? joinPair(item, tokenizer)
            : fillRerankTemplate(rerankTemplate, item, tokenizer))
        );
    }
  }

  return (item) => {
    const tokens = tokensOf(item);
    if ("code" in tokens) return tokens;
    if (tokens.length === 0) return { code: "empty" };
    if (tokens.length > contextTokens)
      return { code: "too_long", tokens: tokens.length, contextTokens, atLeast: false };
    return tokens;
  };
}

/** The special tokens before and after a text, as llama.cpp's `llama_tokenize` adds them with `add_special`. */
function endsOf({ vocabularyType, tokens }: LlamaModel): {
  readonly begin: readonly number[];
  readonly end: readonly number[];
} {
  const list = (token: number | null): readonly number[] => (token === null ? [] : [token]);
  switch (vocabularyType) {
    case LlamaVocabularyType.rwkv:
      return { begin: [], end: [] };
    case LlamaVocabularyType.wpm:
      return { begin: list(tokens.bos), end: list(tokens.sep) };
    case LlamaVocabularyType.ugm:
      return { begin: [], end: list(tokens.eos) };
    default:
      return {
        begin: tokens.shouldPrependBosToken ? list(tokens.bos) : [],
        end: tokens.shouldAppendEosToken ? list(tokens.eos) : [],
      };
  }
}

/** Vocabularies with a separator between two texts although their metadata doesn't say so, from llama.cpp's `llama-vocab.cpp`. */
const SEPARATING_PRE_TOKENIZERS: ReadonlySet<string | undefined> = new Set([
  "jina-v1-en",
  "jina-v2-code",
  "roberta-bpe",
]);

function separatesPairs(model: LlamaModel, metadata: object): boolean {
  const said: unknown = Reflect.get(metadata, "add_sep_token");
  if (typeof said === "boolean") return said;
  return model.vocabularyType === LlamaVocabularyType.wpm || SEPARATING_PRE_TOKENIZERS.has(textOf(metadata, "pre"));
}

function textOf(metadata: object, key: string): string | undefined {
  const value: unknown = Reflect.get(metadata, key);
  return typeof value === "string" ? value : undefined;
}
