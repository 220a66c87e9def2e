import type { ControlFinder, Tokenizer } from "../contract/native.ts";

/** Shorter ones are tokenized in one call; longer ones in parts of about this length. */
const PART_CHARACTERS = 4_096;

/**
 * The tokens of a text, the very same as from one call of the tokenizer, in time that grows with its length alone. llama.cpp's takes time that
 * grows with the square of the control tokens in it: 0.9 s for 25,000 of SmolLM2's, 1.2 s for a chat of 10,000 messages.
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
