import type { PromptLogprob, SampledLogprob, TokenLogprob } from "../../generation/event.ts";

/** OpenAI's log-probabilities of completions: four lists with an entry for each token. */
export type WireLogprobs = {
  readonly tokens: string[];
  /** Null for the first token of a prompt, before which there is nothing. */
  readonly token_logprobs: (number | null)[];
  /** The most likely tokens and, beside them, the drawn one; null for the first token of a prompt. */
  readonly top_logprobs: (Record<string, number> | null)[];
  /** Where each token begins in prompt and completion together, in characters (Unicode code points, as Python counts them). */
  readonly text_offset: number[];
};

export type LogprobEncoder = (tokens: readonly PromptLogprob[]) => WireLogprobs;

const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Encodes the log-probabilities of one choice, piece by piece; `promptText` is what comes before it.
 *
 * @param top of how many tokens in each place they are wanted, where there may be more
 * @param withPrompt whether the prompt's own tokens come first
 */
export function createLogprobEncoder(
  promptText: string,
  top = Number.POSITIVE_INFINITY,
  withPrompt = false,
): LogprobEncoder {
  // Holds back the bytes of a character that is not whole, so a token inside of one begins where the character does.
  const text = new TextDecoder("utf-8", { ignoreBOM: true });
  let offset = withPrompt ? 0 : countCharacters(promptText);
  let isFirst = withPrompt;

  return (tokens) => {
    const wire: WireLogprobs = { tokens: [], token_logprobs: [], top_logprobs: [], text_offset: [] };
    for (const token of tokens) {
      wire.tokens.push(spell(token));
      wire.token_logprobs.push(token.logprob);
      wire.top_logprobs.push(encodeTop(token, top));
      wire.text_offset.push(offset);
      const written = text.decode(Uint8Array.from(token.bytes), { stream: true });
      // A vocabulary may begin every text with a token that the client didn't write.
      const isAdded = isFirst && !promptText.startsWith(written);
      isFirst = false;
      if (!isAdded) offset += countCharacters(written);
    }
    return wire;
  };
}

/** Mean log-probability: how good a choice is, whatever its length. A choice without tokens is worse than any other. */
export function meanLogprob(sampled: readonly SampledLogprob[]): number {
  const sum = sampled.reduce((total, { logprob }) => total + logprob, 0);
  return sampled.length === 0 ? Number.NEGATIVE_INFINITY : sum / sampled.length;
}

function encodeTop({ logprob, ...token }: PromptLogprob, count: number): Record<string, number> | null {
  if (logprob === null) return null;
  const top = new Map<string, number>();
  // Two tokens may be spelled alike: the likelier stays.
  for (const each of [...token.top.slice(0, count), { ...token, logprob }]) {
    const spelling = spell(each);
    if (!top.has(spelling)) top.set(spelling, each.logprob);
  }
  return Object.fromEntries(top);
}

/** A token as text; one that is no text by itself in OpenAI's way, as in `bytes:\xe2\x80`. */
function spell({ bytes }: Pick<TokenLogprob, "bytes">): string {
  try {
    return strictUtf8.decode(Uint8Array.from(bytes));
  } catch {
    return `bytes:${bytes.map((byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("")}`;
  }
}

function countCharacters(text: string): number {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}
