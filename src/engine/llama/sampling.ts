import type { Sampling } from "../../generation/request.ts";
import type { Bans } from "./bans.ts";

/** The configuration of the binding's sampler. */
export type SamplerConfig = {
  readonly temperature: number;
  readonly topK?: number;
  readonly topP?: number;
  readonly minP?: number;
  readonly seed?: number;
  readonly xtcProbability?: number;
  readonly xtcThreshold?: number;
  readonly repeatPenalty?: number;
  readonly repeatPenaltyPresencePenalty?: number;
  readonly repeatPenaltyFrequencyPenalty?: number;
  readonly repeatPenaltyTokens?: Uint32Array;
  readonly repeatPenaltyMaxTokens?: number;
  readonly tokenBiasKeys?: Uint32Array;
  readonly tokenBiasValues?: Float32Array;
};

/** Returns the configuration for the next sample after `history`. It returns the same object if nothing has changed. */
export type SamplerConfigFor = (history: readonly number[]) => SamplerConfig;

/** The `logit_bias` that bans a token. */
const BAN = -100;

/**
 * Converts a request's sampling to the binding's configuration. Filters that are off are omitted, because the binding's defaults differ from
 * OpenAI's.
 *
 * @param bans tokens that must not be sampled: `always`, or `early` before `minTokens`
 */
export function samplerConfig(
  sampling: Sampling & { readonly seed: number },
  prompt: readonly number[],
  bans: Pick<Bans, "always" | "early"> = { always: [], early: [] },
): SamplerConfigFor {
  const greedy = sampling.temperature === 0;
  const later = fixedConfig(banning(sampling, bans.always));
  const early = bans.early.length === 0 ? later : fixedConfig(banning(sampling, [...bans.always, ...bans.early]));
  const fixedAfter = (history: readonly number[]) => (history.length < sampling.minTokens ? early : later);
  const penalties = penaltyConfig(sampling);
  if (greedy && penalties === undefined) return fixedAfter;
  return (history) => ({
    ...fixedAfter(history),
    ...(penalties && { ...penalties.config, ...penalties.window(prompt, history) }),
    ...(!greedy && { seed: drawSeed(sampling.seed, history.length) }),
  });
}

function banning(sampling: Sampling, tokens: readonly number[]): Sampling {
  if (tokens.length === 0) return sampling;
  return { ...sampling, logitBias: [...sampling.logitBias, ...tokens.map((token) => [token, BAN] as const)] };
}

/** The fields that `penaltyConfig`, `findBans` and `drawSeed` apply. A new field must be here or in `fixedConfig`, or it doesn't compile. */
type AppliedElsewhere =
  | ("repeatPenalty" | "repeatLastTokens" | "presencePenalty" | "frequencyPenalty")
  | ("allowedTokenIds" | "badWords" | "minTokens" | "ignoresEnd")
  | "seed";

function fixedConfig(sampling: Sampling): SamplerConfig {
  const { temperature, topP, topK, minP, xtcProbability, xtcThreshold, logitBias, ...rest } = sampling;
  rest satisfies { [Field in keyof typeof rest]: Field extends AppliedElsewhere ? unknown : never };
  return {
    temperature,
    // Filters that are off are omitted, because they would sort the whole vocabulary. Greedy sampling needs none.
    ...(temperature > 0 && topK > 0 && { topK }),
    ...(temperature > 0 && topP < 1 && { topP }),
    ...(temperature > 0 && minP > 0 && { minP }),
    ...(temperature > 0 && xtcProbability > 0 && { xtcProbability, xtcThreshold }),
    ...(logitBias.length > 0 && {
      tokenBiasKeys: Uint32Array.from(logitBias, ([token]) => token),
      tokenBiasValues: Float32Array.from(logitBias, ([, bias]) => (bias <= BAN ? Number.NEGATIVE_INFINITY : bias)),
    }),
  };
}

/**
 * One penalty stage serves both: OpenAI's presence and frequency penalties count what was generated, llama.cpp's repetition
 * penalty looks back over prompt and answer. Where both are asked for, both count what was generated.
 */
function penaltyConfig({ repeatPenalty, repeatLastTokens, presencePenalty, frequencyPenalty }: Sampling) {
  const openai = presencePenalty !== 0 || frequencyPenalty !== 0;
  if (!openai && (repeatPenalty === 1 || repeatLastTokens === 0)) return undefined;
  return {
    config: {
      repeatPenalty,
      repeatPenaltyPresencePenalty: presencePenalty,
      repeatPenaltyFrequencyPenalty: frequencyPenalty,
    },
    window(prompt: readonly number[], history: readonly number[]) {
      const tokens = openai ? history : lastOf(prompt, history, repeatLastTokens);
      return {
        repeatPenaltyTokens: Uint32Array.from(tokens),
        repeatPenaltyMaxTokens: openai || repeatLastTokens < 0 ? Math.max(1, tokens.length) : repeatLastTokens,
      };
    },
  };
}

/** The last `count` tokens of prompt and history; all of them if `count` is negative. */
function lastOf(prompt: readonly number[], history: readonly number[], count: number): readonly number[] {
  return count < 0 ? [...prompt, ...history] : [...prompt.slice(-count), ...history].slice(-count);
}

/**
 * The seed of one sample, derived from the request's seed and the token's index. A sequence that is continued after a crash then samples the
 * same tokens without a saved generator state.
 *
 * The mixing is MurmurHash3's 32-bit finalizer (public domain, Austin Appleby).
 */
function drawSeed(seed: number, index: number): number {
  let hash = (seed ^ Math.imul(index + 1, 0x9e3779b9)) >>> 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  // llama.cpp takes the largest seed for "any" (LLAMA_DEFAULT_SEED).
  return Math.min((hash ^ (hash >>> 16)) >>> 0, 0xffff_fffe);
}
