import type { ControlFinder, Tokenizer } from "../contract/native.ts";

/** Longer texts are tokenized in parts of about this length. */
const PART_CHARACTERS = 4_096;

/**
 * Returns the same tokens as one call of the tokenizer, in linear time. llama.cpp's time is quadratic in the number of control tokens: 0.9 s
 * for 25,000 of them with SmolLM2, 1.2 s for a chat of 10,000 messages.
 */
export function tokenizeLong(
  text: string,
  parseSpecial: boolean,
  control: Pick<ControlFinder, "cutAfter">,
  tokenizer: Pick<Tokenizer, "tokenize">,
): readonly number[] {
  if (!parseSpecial || text.length <= PART_CHARACTERS) return tokenizer.tokenize(text, parseSpecial);
  const tokens: number[] = [];
  for (let begin = 0; begin < text.length; ) {
    const end = control.cutAfter(text, begin + PART_CHARACTERS) ?? text.length;
    for (const token of tokenizer.tokenize(text.slice(begin, end), true)) tokens.push(token);
    begin = end;
  }
  return tokens;
}

/** No text has more characters per token on average; ordinary text has about 4. */
export const MAX_CHARS_PER_TOKEN = 32;
/** A word that is cut may have a few tokens more than the whole word. */
const CUT_TOKENS = 8;

/**
 * A lower bound of the number of tokens of a text that is far too long for the context. Undefined if the whole text must be tokenized to know.
 *
 * @param countOf how many tokens the first characters have
 */
export function countExcess(
  characters: number,
  contextTokens: number,
  countOf: (characters: number) => number,
): number | undefined {
  // Long runs of one character have few tokens, so a longer beginning may be needed. Its length is doubled each time.
  for (let limit = contextTokens * MAX_CHARS_PER_TOKEN + 1; limit < characters; limit *= 2) {
    const count = countOf(limit);
    if (count > contextTokens + CUT_TOKENS) return count;
  }
  return undefined;
}
