import type { PromptLogprob, SampledLogprob } from "../../generation/event.ts";
import { spell } from "../chat/encode-logprobs.ts";

/** OpenAI's prefix of a token that is not valid text. */
const PREFIX = "bytes:";

/** OpenAI's log-probabilities of completions: four lists with one entry per token. */
export type WireLogprobs = {
  readonly tokens: string[];
  /** Null for the first token of a prompt. */
  readonly token_logprobs: (number | null)[];
  /** The most likely tokens and the sampled one; null for the first token of a prompt. */
  readonly top_logprobs: (Record<string, number> | null)[];
  /** The offset of each token in prompt and completion together, in Unicode code points, as in Python. */
  readonly text_offset: number[];
};

export type LogprobEncoder = (tokens: readonly PromptLogprob[]) => WireLogprobs;

/**
 * Creates an encoder for the log-probabilities of one choice, which follows `promptText`.
 *
 * @param top the most tokens to encode at each position
 * @param withPrompt whether the prompt's tokens are encoded too
 */
export function createLogprobEncoder(
  promptText: string,
  top = Number.POSITIVE_INFINITY,
  withPrompt = false,
): LogprobEncoder {
  // Holds back the bytes of an incomplete character, so a token inside a character gets the character's offset.
  const text = new TextDecoder("utf-8", { ignoreBOM: true });
  let offset = withPrompt ? 0 : countCharacters(promptText);
  let isFirst = withPrompt;

  return (tokens) => {
    const wire: WireLogprobs = { tokens: [], token_logprobs: [], top_logprobs: [], text_offset: [] };
    for (const token of tokens) {
      wire.tokens.push(spell(token.bytes, PREFIX));
      wire.token_logprobs.push(token.logprob);
      wire.top_logprobs.push(encodeTop(token, top));
      wire.text_offset.push(offset);
      const written = text.decode(Uint8Array.from(token.bytes), { stream: true });
      // A vocabulary may add a token to the beginning of every text.
      const isAdded = isFirst && !promptText.startsWith(written);
      isFirst = false;
      if (!isAdded) offset += countCharacters(written);
    }
    return wire;
  };
}

/** The mean log-probability ranks choices regardless of length. A choice without tokens comes last. */
export function meanLogprob(sampled: readonly SampledLogprob[]): number {
  const sum = sampled.reduce((total, { logprob }) => total + logprob, 0);
  return sampled.length === 0 ? Number.NEGATIVE_INFINITY : sum / sampled.length;
}

function encodeTop({ logprob, ...token }: PromptLogprob, count: number): Record<string, number> | null {
  if (logprob === null) return null;
  const top = new Map<string, number>();
  // Two tokens may have the same text: the likelier one is kept.
  for (const each of [...token.top.slice(0, count), { ...token, logprob }]) {
    const spelling = spell(each.bytes, PREFIX);
    if (!top.has(spelling)) top.set(spelling, each.logprob);
  }
  return Object.fromEntries(top);
}

function countCharacters(text: string): number {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}
