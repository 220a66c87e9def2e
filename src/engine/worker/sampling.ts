import type { Sampling } from "../../generation/request.ts";

/** What the binding's sampler is configured with. */
export type SamplerConfig = {
  readonly temperature: number;
  readonly topK?: number;
  readonly topP?: number;
  readonly minP?: number;
  readonly seed?: number;
  readonly repeatPenalty?: number;
  readonly repeatPenaltyPresencePenalty?: number;
  readonly repeatPenaltyFrequencyPenalty?: number;
  readonly repeatPenaltyTokens?: Uint32Array;
  readonly repeatPenaltyMaxTokens?: number;
  readonly tokenBiasKeys?: Uint32Array;
  readonly tokenBiasValues?: Float32Array;
};

/** The configuration for the next draw, after `history` was generated. The same object where nothing changed since the last. */
export type SamplerConfigFor = (history: readonly number[]) => SamplerConfig;

/** llama.cpp's `penalty_last_n` default: how far `repeat_penalty` looks back. */
const REPEAT_PENALTY_TOKENS = 64;

/** Turns a request's sampling into the binding's words, whose defaults are not OpenAI's: what is off is left out. */
export function samplerConfig(
  sampling: Sampling & { readonly seed: number },
  prompt: readonly number[],
): SamplerConfigFor {
  const greedy = sampling.temperature === 0;
  const fixed = fixedConfig(sampling);
  const penalties = penaltyConfig(sampling);
  if (greedy && penalties === undefined) return () => fixed;
  return (history) => ({
    ...fixed,
    ...(penalties && { ...penalties.config, ...penalties.window(prompt, history) }),
    ...(!greedy && { seed: drawSeed(sampling.seed, history.length) }),
  });
}

function fixedConfig({ temperature, topK, topP, minP, logitBias }: Sampling): SamplerConfig {
  return {
    temperature,
    // A filter that is off is left out: present, it would sort the whole vocabulary for nothing. Greedy needs none.
    ...(temperature > 0 && topK > 0 && { topK }),
    ...(temperature > 0 && topP < 1 && { topP }),
    ...(temperature > 0 && minP > 0 && { minP }),
    ...(logitBias.length > 0 && {
      tokenBiasKeys: Uint32Array.from(logitBias, ([token]) => token),
      tokenBiasValues: Float32Array.from(logitBias, ([, bias]) => (bias <= -100 ? Number.NEGATIVE_INFINITY : bias)),
    }),
  };
}

/**
 * One penalty stage serves both: OpenAI's presence and frequency penalties count what was generated, llama.cpp's repetition
 * penalty looks back over prompt and answer. Where both are asked for, both count what was generated.
 */
function penaltyConfig({ repeatPenalty, presencePenalty, frequencyPenalty }: Sampling) {
  const openai = presencePenalty !== 0 || frequencyPenalty !== 0;
  if (!openai && repeatPenalty === 1) return undefined;
  return {
    config: {
      repeatPenalty,
      repeatPenaltyPresencePenalty: presencePenalty,
      repeatPenaltyFrequencyPenalty: frequencyPenalty,
    },
    window(prompt: readonly number[], history: readonly number[]) {
      const tokens = openai
        ? history
        : [...prompt.slice(-REPEAT_PENALTY_TOKENS), ...history].slice(-REPEAT_PENALTY_TOKENS);
      return {
        repeatPenaltyTokens: Uint32Array.from(tokens),
        repeatPenaltyMaxTokens: openai ? Math.max(1, history.length) : REPEAT_PENALTY_TOKENS,
      };
    },
  };
}

/**
 * The seed of one draw. Each token is drawn with a seed of its own, made from the request's seed and the token's index, so that a
 * sequence that is continued after a crash needs no generator state to draw as it would have.
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
