import type { Sampling } from "./request.ts";

/** The model's own probabilities, unchanged. */
export const PLAIN_SAMPLING: Sampling = {
  temperature: 1,
  topP: 1,
  topK: 0,
  minP: 0,
  repeatPenalty: 1,
  repeatLastTokens: 64,
  presencePenalty: 0,
  frequencyPenalty: 0,
  xtcProbability: 0,
  xtcThreshold: 0.1,
  logitBias: [],
  allowedTokenIds: undefined,
  badWords: [],
  minTokens: 0,
  ignoresEnd: false,
  seed: undefined,
};

/** Fills in the fields that `said` leaves out, and converts values for the engine. */
export function settleSampling(said: Readonly<Partial<Sampling>>): Sampling {
  const sampling = { ...PLAIN_SAMPLING, ...said };
  // A nucleus of probability 0 contains only the most likely token, which temperature 0 says more clearly.
  const onlyMostLikely = sampling.topP === 0;
  return {
    ...sampling,
    ...(onlyMostLikely && { temperature: 0, topP: 1 }),
    topK: Math.max(sampling.topK, 0),
    seed: sampling.seed === undefined ? undefined : foldSeed(sampling.seed),
  };
}

/**
 * Converts an int64 to the sampler's uint32. Small seeds stay as they are. The modulus is 2³² − 1, not 2³², so that the high half counts,
 * too, and the result is never 0xFFFFFFFF, which means a random seed to llama.cpp (LLAMA_DEFAULT_SEED).
 */
function foldSeed(seed: number): number {
  const modulus = 0xffff_ffffn;
  const remainder = BigInt(seed) % modulus;
  return Number(remainder < 0n ? remainder + modulus : remainder);
}
