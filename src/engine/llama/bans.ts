import type { SamplerRequest, Tokenizer } from "../contract/native.ts";

/** The part of a vocabulary that bans need. */
export type Vocabulary = Pick<Tokenizer, "vocabularySize" | "tokenize" | "bytes"> & {
  /** The tokens that end the model's output. */
  readonly endTokens: readonly number[];
};

/** The tokens that must not be sampled. */
export type Bans = {
  readonly always: readonly number[];
  /** Banned until the output has its minimum length. */
  readonly early: readonly number[];
  /** The banned words; undefined if there are none. */
  readonly words: WordBans | undefined;
};

export type WordBans = {
  /** The tokens that would complete a banned word after `history`. */
  next(history: readonly number[]): readonly number[];
  /** Whether the text with this token ends with a banned word, however the word is tokenized. */
  endsWord(history: readonly number[], token: number): boolean;
};

/** The bans of a request; undefined if it has none. */
export function findBans({ sampling, stopTokenIds = [] }: SamplerRequest, vocabulary: Vocabulary): Bans | undefined {
  const { allowedTokenIds, badWords, minTokens, ignoresEnd } = sampling;
  if (allowedTokenIds === undefined && badWords.length === 0 && minTokens === 0 && !ignoresEnd) return undefined;
  const { vocabularySize, endTokens } = vocabulary;
  return {
    always: [
      ...(allowedTokenIds === undefined ? [] : othersThan(new Set(allowedTokenIds), vocabularySize)),
      ...(ignoresEnd ? endTokens : []),
    ],
    early: minTokens === 0 ? [] : [...endTokens, ...stopTokenIds],
    words: badWords.length === 0 ? undefined : createWordBans(badWords, vocabulary),
  };
}

function othersThan(allowed: ReadonlySet<number>, vocabularySize: number): number[] {
  return Array.from({ length: vocabularySize }, (_, token) => token).filter((token) => !allowed.has(token));
}

const A_LETTER = /[\p{L}\p{M}\p{N}_]/u;

/**
 * Bans words as vLLM does: the last token of a word, alone or after a space, must not follow the others. Because a model may then write the
 * same word with other tokens, the text is checked, too: no token may complete a banned word that stands alone there.
 */
function createWordBans(words: readonly string[], { tokenize, bytes }: Vocabulary): WordBans {
  const spellings = words
    .flatMap((word) => [tokenize(word, false), tokenize(` ${word.trimStart()}`, false)])
    .filter((tokens) => tokens.length > 0);
  // Except for control tokens, which are no part of words, a token has at least one byte. One character more shows whether the word stands
  // alone.
  const tailTokens = Math.max(...words.map((word) => Buffer.byteLength(word))) + 4;

  return {
    next: (history) =>
      spellings.filter((tokens) => endsWith(history, tokens.slice(0, -1))).flatMap((tokens) => tokens.slice(-1)),
    endsWord(history, token) {
      const before = textOf(history.slice(-tailTokens), bytes);
      const text = textOf([...history.slice(-tailTokens), token], bytes);
      return words.some((word) => findEnd(text, word, before.length));
    },
  };
}

function textOf(tokens: readonly number[], bytes: Vocabulary["bytes"]): string {
  return Buffer.from(tokens.flatMap((token) => [...bytes(token)])).toString("utf8");
}

/** Whether `text` contains `word` as a separate word that ends after `from`. */
function findEnd(text: string, word: string, from: number): boolean {
  for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + 1)) {
    const end = at + word.length;
    const standsAlone =
      !(isLetter(text.at(at - 1), at > 0) && isLetter(word[0], true)) &&
      !(isLetter(text[end], end < text.length) && isLetter(word.at(-1), true));
    if (end > from && standsAlone) return true;
  }
  return false;
}

function isLetter(character: string | undefined, isThere: boolean): boolean {
  return isThere && character !== undefined && A_LETTER.test(character);
}

function endsWith(history: readonly number[], tokens: readonly number[]): boolean {
  const begin = history.length - tokens.length;
  return begin >= 0 && tokens.every((token, index) => history[begin + index] === token);
}
