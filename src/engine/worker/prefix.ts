import { type CutPrompt, cutBefore } from "../contract/cuts.ts";

/** Evaluated tokens, wherever their keys and values are held. */
export type Prefix = {
  /** The tokens, from position 0. */
  readonly tokens: readonly number[];
  /** How many of them were the last sequence's prompt; the others were generated. */
  readonly promptTokens: number;
  /** How many of them are, bit for bit, what evaluating the same tokens from scratch would give. */
  readonly exactTokens: number;
  /** The head of that prompt, where its own cuts were. */
  readonly headTokens: number;
};

/**
 * How much a sequence cares that reusing a prefix can move the last digits of its logits (docs/decisions/007-exactness.md):
 *
 * - `exact`: not at all may they move. The client gave a seed.
 * - `greedy`: only where it pays most: where a conversation goes on past an answer that was generated here.
 * - `free`: it draws at random anyway.
 */
export type Exactness = "exact" | "greedy" | "free";

export type Prompt = CutPrompt & {
  readonly exactness: Exactness;
  /** Whether every token is evaluated, since what comes of it is asked for; false if absent. */
  readonly isWhole?: boolean;
};

/** The number of tokens that two sequences share at their beginning. */
export function commonPrefixLength(a: readonly number[], b: readonly number[]): number {
  const end = Math.min(a.length, b.length);
  let length = 0;
  while (length < end && a[length] === b[length]) length++;
  return length;
}

/**
 * How many of the prompt's first tokens need no evaluation where `prefix` is held. At least one is always left to evaluate, since
 * the logits after the last are needed.
 *
 * @param chunkTokens prompts are cut at multiples of this
 */
export function reusableTokens(prefix: Prefix, prompt: Prompt, chunkTokens: number): number {
  const { tokens, exactness, isWhole = false } = prompt;
  if (isWhole) return 0;
  const shared = Math.min(commonPrefixLength(prefix.tokens, tokens), tokens.length - 1);
  const goesOn = shared > prefix.promptTokens;
  if (exactness === "free" || (exactness === "greedy" && goesOn)) return shared;
  return cutBefore(prompt, Math.min(shared, exactTokensFor(prefix, prompt, chunkTokens)), chunkTokens);
}

/** How many tokens will be exact once a sequence that keeps `keep` tokens of `source` has evaluated its prompt. */
export function exactTokensAfter(source: Prefix, keep: number, prompt: CutPrompt, chunkTokens: number): number {
  const exact = Math.min(keep, exactTokensFor(source, prompt, chunkTokens));
  const cut = cutBefore(prompt, exact, chunkTokens);
  return keep === cut ? prompt.tokens.length : cut;
}

/** How many tokens of `prefix` are exact for this prompt too, as far as they are the same: where heads differ, up to the first other cut. */
function exactTokensFor(prefix: Prefix, { headTokens }: CutPrompt, chunkTokens: number): number {
  if (prefix.headTokens === headTokens) return prefix.exactTokens;
  const shorter = Math.min(...[prefix.headTokens, headTokens].filter((tokens) => tokens > 0));
  return Math.min(prefix.exactTokens, shorter - (shorter % chunkTokens));
}
