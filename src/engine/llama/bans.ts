import type { SamplerRequest, Tokenizer } from "../contract/native.ts";

/** What of a vocabulary decides which tokens a request may not have. */
export type Vocabulary = Pick<Tokenizer, "vocabularySize" | "tokenize" | "bytes"> & {
  /** The tokens with which the model says that its turn is over. */
  readonly endTokens: readonly number[];
};

/** The tokens that may not be drawn. */
export type Bans = {
  /** Never. */
  readonly always: readonly number[];
  /** As long as the answer is shorter than it has to be. */
  readonly early: readonly number[];
  /** What keeps words out of the answer; undefined where there are none. */
  readonly words: WordBans | undefined;
};

export type WordBans = {
  /** The tokens that would end a bad word which these tokens began, or which are one. */
  next(history: readonly number[]): readonly number[];
  /** Whether a bad word ends with this token, however it was cut into tokens. */
  endsWord(history: readonly number[], token: number): boolean;
};

/** The bans of a request; undefined where it has none. */
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
 * A word is banned as vLLM does it: of the tokens that it has, alone and after a space, the last may not follow the others. Since a model
 * then writes the same in other pieces, the text is looked at too: a word may not end with a token where it stands by itself there.
 */
function createWordBans(words: readonly string[], { tokenize, bytes }: Vocabulary): WordBans {
  const spellings = words
    .flatMap((word) => [tokenize(word, false), tokenize(` ${word.trimStart()}`, false)])
    .filter((tokens) => tokens.length > 0);
  // A token has a byte at least, but for control tokens, which are no part of words. One character more tells whether it is a word of its own.
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

/** Whether `word` stands in `text` by itself and ends after `from`. */
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
