import { type CutPrompt, cutBefore } from "../contract/cuts.ts";

/** Evaluated tokens, in a slot or in a file. */
export type Prefix = {
  /** The tokens, from position 0. */
  readonly tokens: readonly number[];
  /** How many of them belong to the last sequence's prompt; the others were generated. */
  readonly promptTokens: number;
  /** How many of them are bit-identical to an evaluation of the same tokens from scratch. */
  readonly exactTokens: number;
  /** The length of that prompt's head, which was cut separately. */
  readonly headTokens: number;
};

/**
 * Whether reusing a prefix may change the last digits of a sequence's logits (docs/decisions/007-exactness.md):
 *
 * - `exact`: never, because the client gave a seed.
 * - `greedy`: only where it saves most, when a conversation continues after an answer that was generated here.
 * - `free`: always, because tokens are sampled at random.
 */
export type Exactness = "exact" | "greedy" | "free";

export type Prompt = CutPrompt & {
  readonly exactness: Exactness;
  /** Whether every token must be evaluated, because all of them are scored; false by default. */
  readonly isWhole?: boolean;
};

/** The length of the longest common prefix. */
export function commonPrefixLength(a: readonly number[], b: readonly number[]): number {
  const end = Math.min(a.length, b.length);
  let length = 0;
  while (length < end && a[length] === b[length]) length++;
  return length;
}

/**
 * How many of the prompt's first tokens can be reused from `prefix`. The last token is always evaluated, because its logits are needed.
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

/** How many tokens will be exact after a prompt was evaluated that reuses `keep` tokens of `source`. */
export function exactTokensAfter(source: Prefix, keep: number, prompt: CutPrompt, chunkTokens: number): number {
  const exact = Math.min(keep, exactTokensFor(source, prompt, chunkTokens));
  const cut = cutBefore(prompt, exact, chunkTokens);
  return keep === cut ? prompt.tokens.length : cut;
}

/** How many tokens of `prefix` are also exact for this prompt: if the heads differ, only those before the first cut that differs. */
function exactTokensFor(prefix: Prefix, { headTokens }: CutPrompt, chunkTokens: number): number {
  if (prefix.headTokens === headTokens) return prefix.exactTokens;
  const shorter = Math.min(...[prefix.headTokens, headTokens].filter((tokens) => tokens > 0));
  return Math.min(prefix.exactTokens, shorter - (shorter % chunkTokens));
}
