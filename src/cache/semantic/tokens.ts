import { CONTRACTIONS, NAMES_TOO, SENTENCE_STARTERS } from "./words.ts";

/**
 * One part of a text. A `word` consists of letters, may be replaced by a synonym, and is in lower case. An `exact` part is compared letter by letter:
 * numbers, code, names with inner capitals, abbreviations, quotations. A `mark` ends or divides sentences.
 */
export type Token = {
  readonly type: "word" | "exact" | "mark";
  readonly text: string;
  /** Whether a word was written with a capital. */
  readonly hasCapital?: boolean;
};

/** A text in parts, and its capitalized words. */
export type Tokens = {
  readonly tokens: readonly Token[];
  /** Capitalized words inside sentences, in lower case. */
  readonly capitals: ReadonlySet<string>;
  /** Capitalized words at the beginning of a sentence, in lower case. */
  readonly beginnings: ReadonlySet<string>;
};

const PARTS = /`[^`]*`|"[^"]*"|\u201c[^\u201d]*\u201d|(?<!\w)'[^']+'(?!\w)|\S+/g;
/** Letters, with hyphens and apostrophes between: each part all small, or with one capital first. */
const WORD = /^[A-Za-z][a-z]*(?:['-][A-Z]?[a-z]+)*$/;
const MARKED = /^(.*?[\p{L}\p{N})\]%`"'])([.,!?;:]+)$/su;
/** Single letters that are words. Any other is a name of something. */
const LETTER_WORDS: readonly string[] = ["a", "I", "i"];
/** The "!" of a factorial isn't an exclamation mark. */
const FACTORIAL = /\d!/;

/** Splits a text into tokens. */
export function tokenize(text: string): Tokens {
  const tokens: Token[] = [];
  const capitals = new Set<string>();
  const beginnings = new Set<string>();
  let isBeginning = true;

  function addWord(written: string): void {
    const lower = written.toLowerCase();
    const possessor = /^(.+)'s$/.exec(lower)?.[1];
    const parts = CONTRACTIONS.get(lower) ?? (possessor === undefined ? [lower] : [possessor, "'s"]);
    const hasCapital = written !== lower && parts[0] !== "i";
    if (hasCapital && parts[0] !== undefined) (isBeginning ? beginnings : capitals).add(parts[0]);
    for (const part of parts) {
      const keepsCapital = hasCapital && NAMES_TOO.has(part) && !(isBeginning && SENTENCE_STARTERS.has(part));
      tokens.push(keepsCapital ? { type: "exact", text: written } : { type: "word", text: part, hasCapital });
    }
    isBeginning = false;
  }

  function addChunk(chunk: string): void {
    const [, body = chunk, marks = ""] = FACTORIAL.test(chunk) ? [] : (MARKED.exec(chunk) ?? []);
    if (WORD.test(body) && (body.length > 1 || LETTER_WORDS.includes(body) || (body === "A" && isBeginning))) {
      addWord(body);
    } else {
      tokens.push({ type: /^[.,!?;:]+$/.test(body) ? "mark" : "exact", text: body });
      isBeginning = /^[.!?]+$/.test(body);
    }
    if (marks === "") return;
    tokens.push({ type: "mark", text: marks });
    isBeginning = /[.!?]/.test(marks);
  }

  for (const [chunk] of text.matchAll(PARTS)) addChunk(chunk);
  return { tokens, capitals, beginnings };
}
