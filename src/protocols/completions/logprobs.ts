import type { SampledLogprob, TokenLogprob } from "../../generation/event.ts";

/** OpenAI's log-probabilities of completions: four lists with an entry for each token. */
export type WireLogprobs = {
  readonly tokens: string[];
  readonly token_logprobs: number[];
  /** The most likely tokens and, beside them, the drawn one. */
  readonly top_logprobs: Record<string, number>[];
  /** Where each token begins in prompt and completion together, in characters (Unicode code points, as Python counts them). */
  readonly text_offset: number[];
};

export type LogprobEncoder = (sampled: readonly SampledLogprob[]) => WireLogprobs;

const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Encodes the log-probabilities of one choice, piece by piece; `promptText` is what comes before it. */
export function createLogprobEncoder(promptText: string): LogprobEncoder {
  // Holds back the bytes of a character that is not whole, so a token inside of one begins where the character does.
  const text = new TextDecoder("utf-8", { ignoreBOM: true });
  let offset = countCharacters(promptText);

  return (sampled) => {
    const wire: WireLogprobs = { tokens: [], token_logprobs: [], top_logprobs: [], text_offset: [] };
    for (const token of sampled) {
      wire.tokens.push(spell(token));
      wire.token_logprobs.push(token.logprob);
      wire.top_logprobs.push(encodeTop(token));
      wire.text_offset.push(offset);
      offset += countCharacters(text.decode(Uint8Array.from(token.bytes), { stream: true }));
    }
    return wire;
  };
}

/** Mean log-probability: how good a choice is, whatever its length. A choice without tokens is worse than any other. */
export function meanLogprob(sampled: readonly SampledLogprob[]): number {
  const sum = sampled.reduce((total, { logprob }) => total + logprob, 0);
  return sampled.length === 0 ? Number.NEGATIVE_INFINITY : sum / sampled.length;
}

function encodeTop(token: SampledLogprob): Record<string, number> {
  const top = new Map<string, number>();
  // Two tokens may be spelled alike: the likelier stays.
  for (const each of [...token.top, token]) {
    const spelling = spell(each);
    if (!top.has(spelling)) top.set(spelling, each.logprob);
  }
  return Object.fromEntries(top);
}

/** A token as text; one that is no text by itself in OpenAI's way, as in `bytes:\xe2\x80`. */
function spell({ bytes }: TokenLogprob): string {
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
