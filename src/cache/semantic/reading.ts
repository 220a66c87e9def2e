import { inPlainWords } from "./rewrite.ts";
import { type Tokens, tokenize } from "./tokens.ts";
import { ENGLISH } from "./words.ts";

/** What a text asks for, in a normal form. */
export type Reading = {
  /** The normalized words. Texts with different gists count as different questions. */
  readonly gist: string;
  readonly capitals: ReadonlySet<string>;
  readonly beginnings: ReadonlySet<string>;
};

/** Longer texts are rarely asked in other words, and a difference in one word is easily missed. */
export const MAX_CHARACTERS = 300;

const APOSTROPHE = /(?<=\p{L})\u2019(?=\p{L})/gu;

/**
 * Normalizes a text. Undefined if it isn't compared at all: it is long, or has several lines or control characters, like data and code. Texts that
 * don't look English keep every letter and mark.
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
 * Whether two texts ask for the same by their words: they have the same gist and the same capitalized words. Capitals don't count if one of the
 * texts has none at all.
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
