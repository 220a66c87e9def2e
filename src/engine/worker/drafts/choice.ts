import type { CallCosts } from "./costs.ts";

/** The lengths of drafts. With the token before it, each fills a call of a measured size. */
export const DRAFT_LENGTHS = [15, 7, 3, 1] as const;

/** How many times as many tokens a millisecond a step with drafts must promise: estimates err. */
export const MARGIN = 1.1;

/** A sequence that may have a draft. */
export type Candidate = {
  /** How many tokens can be proposed. */
  readonly available: number;
  /** How many of the first `length` proposed tokens are likely to be sampled. */
  readonly expect: (length: number) => number;
};

export type Choice = {
  /** The length of each draft; 0 for a step without drafts. */
  readonly length: number;
  /** The candidates that get a draft. */
  readonly drafting: readonly Candidate[];
};

/** One way to make a step, by its estimated speed. */
type Way = Choice & { readonly tokensPerMs: number };

/**
 * Chooses the drafts of a decoding step, so that all its sequences together get the most tokens a millisecond. Without a clear gain there are
 * none. Drafts share a call, so they have one length, which llama.cpp evaluates together. The other sequences have a call of their own.
 *
 * @param sequences how many sequences decode, with those that are no candidates
 * @param maxBatchTokens the size of the largest call
 */
export function chooseDrafts(
  candidates: readonly Candidate[],
  sequences: number,
  costs: Pick<CallCosts, "plainMs" | "draftMs">,
  maxBatchTokens: number,
): Choice {
  const plain: Way = { length: 0, drafting: [], tokensPerMs: (MARGIN * sequences) / costs.plainMs(sequences) };
  let best = plain;
  for (const length of DRAFT_LENGTHS) {
    const able = candidates
      .filter(({ available }) => available >= length)
      .map((candidate) => ({ candidate, expected: candidate.expect(length) }))
      .sort((a, b) => b.expected - a.expected);
    let tokens = sequences;
    for (const [before, { expected }] of able.entries()) {
      const count = before + 1;
      const callTokens = count * (length + 1);
      if (callTokens > maxBatchTokens) break;
      tokens += expected;
      const tokensPerMs = tokens / (costs.plainMs(sequences - count) + costs.draftMs(callTokens));
      if (tokensPerMs <= best.tokensPerMs) continue;
      best = { length, drafting: able.slice(0, count).map(({ candidate }) => candidate), tokensPerMs };
    }
  }
  return best;
}
