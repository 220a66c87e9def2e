/** Decides how much of prompts is evaluated between two steps of the sequences that decode. */
export type PrefillPace = {
  /** How many prompt tokens fit between two steps: whole chunks, one at least. */
  budgetTokens(): number;
  /** Takes in how long the evaluation of so many prompt tokens took. */
  record(tokens: number, ms: number): void;
};

export type PrefillPaceOptions = {
  readonly chunkTokens: number;
  /** The most that is worth evaluating at once. */
  readonly maxTokens: number;
  /** How long decoding sequences should wait, in ms. */
  readonly targetMs: number;
};

/** The weight of the newest call in the running mean. */
const NEWEST_WEIGHT = 0.25;

/**
 * One chunk at a time until it is known how fast this machine reads; then as many as it reads in `targetMs`. A slow machine stays with
 * one, so nobody waits for more than a chunk; a fast one isn't held back by chunks that were cut for a slow one.
 */
export function createPrefillPace({ chunkTokens, maxTokens, targetMs }: PrefillPaceOptions): PrefillPace {
  let msPerToken: number | undefined;
  return {
    budgetTokens() {
      if (msPerToken === undefined) return chunkTokens;
      const tokens = Math.min(targetMs / msPerToken, maxTokens);
      return Math.max(1, Math.floor(tokens / chunkTokens)) * chunkTokens;
    },
    record(tokens, ms) {
      // The last piece of a prompt may be a few tokens, which cost as much as many.
      if (tokens < chunkTokens) return;
      const measured = ms / tokens;
      msPerToken = msPerToken === undefined ? measured : msPerToken + NEWEST_WEIGHT * (measured - msPerToken);
    },
  };
}
