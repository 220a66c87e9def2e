import type { SampledLogprob, TokenLogprob } from "../../generation/event.ts";

/** Encodes OpenAI's `logprobs` of a choice or a chunk. */
export function encodeLogprobs(logprobs: readonly SampledLogprob[]) {
  return {
    content: logprobs.map((sampled) => ({ ...encodeToken(sampled), top_logprobs: sampled.top.map(encodeToken) })),
    refusal: null,
  };
}

function encodeToken({ bytes, logprob }: TokenLogprob) {
  return { token: spell(bytes), logprob, bytes: [...bytes] };
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Formats a token as text. A part of a character is escaped byte by byte as OpenAI does: `prefix` and `\xf0\x9f`. */
export function spell(bytes: readonly number[], prefix = ""): string {
  try {
    return decoder.decode(Uint8Array.from(bytes));
  } catch {
    return prefix + bytes.map((byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("");
  }
}
