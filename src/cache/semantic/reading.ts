import { inPlainWords } from "./rewrite.ts";
import { type Tokens, tokenize } from "./tokens.ts";
import { ENGLISH } from "./words.ts";

/** What a text asks for, in the plainest words that ask for the same. */
export type Reading = {
  /** Two texts that don't have the same don't ask for the same, as far as is known. */
  readonly gist: string;
  readonly capitals: ReadonlySet<string>;
  readonly beginnings: ReadonlySet<string>;
};

/** In longer texts one word is easily lost, and they are rarely asked in other words. */
export const MAX_CHARACTERS = 300;

const APOSTROPHE = /(?<=\p{L})\u2019(?=\p{L})/gu;

/**
 * Reads a text. Undefined where it is none that could be asked in other words: it is long, or it has lines or control characters, as data and
 * code do. Texts that don't look English keep every letter and mark.
 */
export function readRequest(text: string): Reading | undefined {
  if (text.length > MAX_CHARACTERS) return undefined;
  const line = text.normalize("NFC").trim().replace(APOSTROPHE, "'");
  if (line === "" || /[\p{C}\u2028\u2029]/u.test(line)) return undefined;
  const found = tokenize(line);
  if (!isEnglish(found)) return { gist: `as it is: ${line}`, capitals: new Set(), beginnings: new Set() };
  const tokens = inPlainWords(found.tokens).map(({ type, text }) => [type, text]);
  return { gist: JSON.stringify(tokens), capitals: found.capitals, beginnings: found.beginnings };
}

/**
 * Whether two texts ask for the same as far as their words tell: they have the same gist, and the same words with a capital unless one
 * has none, not even at its beginning, as of those who write without.
 */
export function readTheSame(a: Reading, b: Reading): boolean {
  if (a.gist !== b.gist) return false;
  return isAllSmall(a) || isAllSmall(b) || (explains(a, b.capitals) && explains(b, a.capitals));
}

function isAllSmall({ capitals, beginnings }: Reading): boolean {
  return capitals.size === 0 && beginnings.size === 0;
}

function explains({ capitals, beginnings }: Reading, words: ReadonlySet<string>): boolean {
  return [...words].every((word) => capitals.has(word) || beginnings.has(word));
}

function isEnglish({ tokens }: Tokens): boolean {
  return tokens.some(({ type, text }) => type === "word" && ENGLISH.has(text));
}
