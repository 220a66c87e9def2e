/** Flash attention on CPUs has a separate code path for whole tiles of this many rows. */
const ATTENTION_TILE_TOKENS = 64;

/** Whether several chunks may be evaluated in one call with a bit-identical result (docs/decisions/007-exactness.md). */
export function mayJoinChunks(chunkTokens: number): boolean {
  return chunkTokens % ATTENTION_TILE_TOKENS === 0;
}

/**
 * Where the last piece of a prompt begins. The tokens after the last whole chunk are a separate piece, or join the last chunk if they
 * are few: a call for ten tokens costs almost as much as one for thirty.
 */
export function lastCut(promptTokens: number, chunkTokens: number): number {
  const rest = promptTokens % chunkTokens;
  const lastWhole = promptTokens - rest;
  const joined = rest > 0 && rest <= chunkTokens / 2 && lastWhole > 0 && mayJoinChunks(chunkTokens);
  return joined ? lastWhole - chunkTokens : lastWhole;
}

/** What is evaluated before the first token is sampled. */
export type CutPrompt = {
  readonly tokens: readonly number[];
  /** The length of the head (see `headTokensOf`), which is cut separately. */
  readonly headTokens: number;
};

/**
 * The last position, up to `position`, where a piece begins when the prompt is evaluated from scratch. The head and the rest are cut
 * separately, so that prompts with the same head share all of its pieces.
 */
export function cutBefore({ tokens, headTokens }: CutPrompt, position: number, chunkTokens: number): number {
  const begin = position < headTokens ? 0 : headTokens;
  const end = position < headTokens ? headTokens : tokens.length;
  const chunks = Math.floor((position - begin) / chunkTokens) * chunkTokens;
  return begin + Math.min(chunks, lastCut(end - begin, chunkTokens));
}
