/** Holds prompts to a share of the time while sequences decode. */
export type PrefillShare = {
  /** Whether prompts may have a turn now. */
  mayPrefill(): boolean;
  /** Takes in how long prompts took beside decoding sequences. */
  prefilled(ms: number): void;
  /** Takes in how long a step of the decoding sequences took. */
  decoded(ms: number): void;
};

/**
 * After a turn of prompts, sequences decode until they have had the rest of the time. A long step of theirs buys prompts no more than one turn, so
 * that nobody's waiting is saved up.
 *
 * @param share above 0; 1 is no bound
 */
export function createPrefillShare(share: number): PrefillShare {
  let owedMs = 0;
  return {
    mayPrefill: () => owedMs <= 0,
    prefilled(ms) {
      owedMs = (ms * (1 - share)) / share;
    },
    decoded(ms) {
      owedMs = Math.max(0, owedMs - ms);
    },
  };
}
