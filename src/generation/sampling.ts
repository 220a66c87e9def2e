import type { Sampling } from "./request.ts";

/** The model's own probabilities, and nothing that changes them. */
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

/** All of a sampling of which `said` was asked for, as the engine takes it. */
export function settleSampling(said: Readonly<Partial<Sampling>>): Sampling {
  const sampling = { ...PLAIN_SAMPLING, ...said };
  // A nucleus of probability 0 is the most likely token alone, which is what temperature 0 says without a doubt.
  const onlyMostLikely = sampling.topP === 0;
  return {
    ...sampling,
    ...(onlyMostLikely && { temperature: 0, topP: 1 }),
    topK: Math.max(sampling.topK, 0),
    seed: sampling.seed === undefined ? undefined : foldSeed(sampling.seed),
  };
}

/**
 * An int64 as the uint32 that the sampler takes. Small seeds stay themselves. The modulus is 2³² − 1, not 2³²: that lets the high half
 * count too, and never gives 0xFFFFFFFF, which llama.cpp takes for "draw a seed" (LLAMA_DEFAULT_SEED).
 */
function foldSeed(seed: number): number {
  const modulus = 0xffff_ffffn;
  const remainder = BigInt(seed) % modulus;
  return Number(remainder < 0n ? remainder + modulus : remainder);
}
