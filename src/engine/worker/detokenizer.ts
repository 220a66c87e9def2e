const REPLACEMENT = "\uFFFD";

/** A UTF-8 character is at most four bytes, so what is still broken after more tokens than that never was one. */
const MAX_CUT_TOKENS = 4;

export type Detokenizer = {
  /** Takes the next token; returns the text that is complete by now, "" while a character is still cut. */
  push(token: number): string;
  /** What is left at the end, without a character that was never completed. */
  flush(): string;
};

/**
 * Turns tokens into text one by one, never cutting a character.
 *
 * The token before is rendered along, because some vocabularies (SentencePiece) drop the leading space of whatever comes first.
 * Only the tokens since the last whole character are rendered again, so a token costs the same at any length.
 *
 * @param bytesOf a token's own bytes, which tell a character that is cut from a U+FFFD that was written
 */
export function createDetokenizer(
  detokenize: (tokens: readonly number[]) => string,
  bytesOf: (token: number) => readonly number[],
): Detokenizer {
  let tokens: number[] = [];
  /** How much of the rendered `tokens` was returned before. */
  let shown = 0;
  let tokensWithoutText = 0;

  function startAfter(context: readonly number[]): void {
    tokens = [...context];
    shown = context.length === 0 ? 0 : detokenize(tokens).length;
    tokensWithoutText = 0;
  }

  return {
    push(token) {
      tokens.push(token);
      const text = detokenize(tokens);
      if (!text.endsWith(REPLACEMENT)) {
        const fresh = text.slice(shown);
        startAfter([token]);
        return fresh;
      }
      const complete = withoutCutEnd(text);
      if (complete.length > shown) {
        const fresh = complete.slice(shown);
        shown = complete.length;
        tokensWithoutText = 1;
        return fresh;
      }
      if (++tokensWithoutText <= MAX_CUT_TOKENS) return "";
      const broken = text.slice(shown);
      startAfter([]);
      return broken;
    },
    flush() {
      const rest = tokens.length === 0 ? "" : detokenize(tokens).slice(shown);
      const isCut = rest.endsWith(REPLACEMENT) && endsInCharacter(tokens.flatMap(bytesOf));
      startAfter([]);
      return isCut ? rest.slice(0, -REPLACEMENT.length) : rest;
    },
  };
}

function withoutCutEnd(text: string): string {
  let end = text.length;
  while (end > 0 && text[end - 1] === REPLACEMENT) end--;
  return text.slice(0, end);
}

/** Whether the last bytes are the beginning of a character of UTF-8, and not the whole of it. */
function endsInCharacter(bytes: readonly number[]): boolean {
  const lead = bytes.findLastIndex((byte) => (byte & 0xc0) !== 0x80);
  const first = bytes[lead] ?? 0;
  const length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 1;
  return lead >= 0 && first <= 0xf4 && bytes.length - lead < length;
}
