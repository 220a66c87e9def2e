const REPLACEMENT = "\uFFFD";

/** A UTF-8 character has at most four bytes. Text that is still broken after more tokens than that is invalid. */
const MAX_CUT_TOKENS = 4;

export type Detokenizer = {
  /** Takes the next token. Returns the new complete text, or "" while a character is incomplete. */
  push(token: number): string;
  /** Returns the remaining text at the end, without an incomplete character. */
  flush(): string;
};

/**
 * Turns tokens into text one by one, without splitting characters.
 *
 * The previous token is rendered together with the next one, because some vocabularies (SentencePiece) drop the leading space of the first
 * token. Only the tokens since the last complete character are rendered again, so the cost of a token doesn't grow with the text.
 *
 * @param bytesOf a token's bytes, which distinguish an incomplete character from a generated U+FFFD
 */
export function createDetokenizer(
  detokenize: (tokens: readonly number[]) => string,
  bytesOf: (token: number) => readonly number[],
): Detokenizer {
  let tokens: number[] = [];
  /** How many characters of the rendered `tokens` were returned before. */
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

/** Whether the bytes end with an incomplete UTF-8 character. */
function endsInCharacter(bytes: readonly number[]): boolean {
  const lead = bytes.findLastIndex((byte) => (byte & 0xc0) !== 0x80);
  const first = bytes[lead] ?? 0;
  const length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 1;
  return lead >= 0 && first <= 0xf4 && bytes.length - lead < length;
}
