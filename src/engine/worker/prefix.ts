/** Evaluated tokens, wherever their keys and values are held. */
export type Prefix = {
  /** The tokens, from position 0. */
  readonly tokens: readonly number[];
  /** How many of them were the last sequence's prompt; the others were generated. */
  readonly promptTokens: number;
  /** How many of them are, bit for bit, what evaluating the same tokens from scratch would give. */
  readonly exactTokens: number;
};

/**
 * How much a sequence cares that reusing a prefix can move the last digits of its logits (docs/decisions/007-exactness.md):
 *
 * - `exact`: not at all may they move. The client gave a seed.
 * - `greedy`: only where it pays most: where a conversation goes on past an answer that was generated here.
 * - `free`: it draws at random anyway.
 */
export type Exactness = "exact" | "greedy" | "free";

export type Prompt = {
  readonly tokens: readonly number[];
  readonly exactness: Exactness;
};

/** The number of tokens that two sequences share at their beginning. */
export function commonPrefixLength(a: readonly number[], b: readonly number[]): number {
  const end = Math.min(a.length, b.length);
  let length = 0;
  while (length < end && a[length] === b[length]) length++;
  return length;
}

/** Flash attention on CPUs takes a path of its own for whole tiles of so many rows. */
const ATTENTION_TILE_TOKENS = 64;

/** Whether pieces of a prompt may be evaluated in one call without a bit of the result changing (docs/decisions/007-exactness.md). */
export function mayJoinChunks(chunkTokens: number): boolean {
  return chunkTokens % ATTENTION_TILE_TOKENS === 0;
}

/**
 * Where the last piece of a prompt begins. The tokens that are left after the last whole chunk are a piece of their own, or part of the
 * last chunk's where they are few: a call costs almost the same for ten tokens as for thirty.
 */
export function lastCut(promptTokens: number, chunkTokens: number): number {
  const rest = promptTokens % chunkTokens;
  const lastWhole = promptTokens - rest;
  const joined = rest > 0 && rest <= chunkTokens / 2 && lastWhole > 0 && mayJoinChunks(chunkTokens);
  return joined ? lastWhole - chunkTokens : lastWhole;
}

/**
 * How many of the prompt's first tokens need no evaluation where `prefix` is held. At least one is always left to evaluate, since
 * the logits after the last are needed.
 *
 * @param chunkTokens prompts are cut at multiples of this
 */
export function reusableTokens(prefix: Prefix, prompt: Prompt, chunkTokens: number): number {
  const { tokens, exactness } = prompt;
  const shared = Math.min(commonPrefixLength(prefix.tokens, tokens), tokens.length - 1);
  const goesOn = shared > prefix.promptTokens;
  if (exactness === "free" || (exactness === "greedy" && goesOn)) return shared;
  const exact = Math.min(shared, prefix.exactTokens);
  return Math.min(exact - (exact % chunkTokens), lastCut(tokens.length, chunkTokens));
}

/** How many tokens will be exact once a sequence that keeps `keep` tokens of `source` has evaluated its prompt. */
export function exactTokensAfter(source: Prefix, keep: number, promptTokens: number, chunkTokens: number): number {
  const exact = Math.min(keep, source.exactTokens);
  const cutAsFromScratch = keep === exact && keep % chunkTokens === 0;
  return cutAsFromScratch ? promptTokens : exact - (exact % chunkTokens);
}
