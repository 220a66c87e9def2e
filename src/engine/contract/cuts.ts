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

/** What is evaluated before the first token is drawn, and how much of it is a head with cuts of its own. */
export type CutPrompt = {
  readonly tokens: readonly number[];
  /** As `headTokensOf` has it. */
  readonly headTokens: number;
};

/**
 * The last place at `position` or before it where a piece begins when the prompt is evaluated from scratch: the head is cut from its
 * beginning on, and so is what follows it. Then prompts with one head and different questions have all of the head in common.
 */
export function cutBefore({ tokens, headTokens }: CutPrompt, position: number, chunkTokens: number): number {
  const begin = position < headTokens ? 0 : headTokens;
  const end = position < headTokens ? headTokens : tokens.length;
  const chunks = Math.floor((position - begin) / chunkTokens) * chunkTokens;
  return begin + Math.min(chunks, lastCut(end - begin, chunkTokens));
}
