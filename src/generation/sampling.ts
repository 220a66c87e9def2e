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
