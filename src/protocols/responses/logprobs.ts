import type { SampledLogprob, TokenLogprob } from "../../generation/event.ts";

const utf8 = new TextDecoder();

/** A token's log-probability in the form of the Responses API. A token that is part of a character shows as U+FFFD; its bytes are exact. */
export type WireLogprob = {
  readonly token: string;
  readonly bytes: readonly number[];
  readonly logprob: number;
  readonly top_logprobs: readonly Omit<WireLogprob, "top_logprobs">[];
};

export function encodeLogprobs(sampled: readonly SampledLogprob[]): WireLogprob[] {
  return sampled.map((token) => ({ ...encodeToken(token), top_logprobs: token.top.map(encodeToken) }));
}

function encodeToken({ bytes, logprob }: TokenLogprob) {
  return { token: utf8.decode(Uint8Array.from(bytes)), bytes, logprob };
}
