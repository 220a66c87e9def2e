import type { Sampling } from "../../generation/request.ts";
import { settleSampling } from "../../generation/sampling.ts";
import type { LineRules } from "./lines.ts";
import { SAMPLER_ORDER, SAMPLING_DEFAULTS } from "./samplers.ts";

/** The settings of a generation. */
export type Settings = {
  readonly contextTokens: number | undefined;
  readonly maxTokens: number | undefined;
  readonly stop: readonly string[];
  readonly sampling: Sampling;
  readonly stream: boolean;
  readonly probabilities: number;
  readonly lines: LineRules;
};

/** llama-server's value for a random seed. */
const RANDOM_SEED = 0xffff_ffff;
const AS_MANY_AS_FIT = -1;

/** The default settings. */
export const DEFAULT_SETTINGS: Omit<Settings, "contextTokens"> = {
  maxTokens: undefined,
  stop: [],
  sampling: settleSampling(SAMPLING_DEFAULTS),
  stream: false,
  probabilities: 0,
  lines: { indent: 0, maxMs: 0 },
};

/** Encodes llama-server's `generation_settings`. Unavailable samplers are off. */
export function encodeSettings({ contextTokens, maxTokens, stop, sampling, stream, probabilities, lines }: Settings) {
  return {
    n_ctx: contextTokens ?? 0,
    seed: sampling.seed ?? RANDOM_SEED,
    temperature: sampling.temperature,
    dynatemp_range: 0,
    top_k: sampling.topK,
    top_p: sampling.topP,
    min_p: sampling.minP,
    top_n_sigma: -1,
    xtc_probability: sampling.xtcProbability,
    xtc_threshold: sampling.xtcThreshold,
    typical_p: 1,
    repeat_last_n: sampling.repeatLastTokens,
    repeat_penalty: sampling.repeatPenalty,
    presence_penalty: sampling.presencePenalty,
    frequency_penalty: sampling.frequencyPenalty,
    dry_multiplier: 0,
    mirostat: 0,
    stop,
    max_tokens: maxTokens ?? AS_MANY_AS_FIT,
    n_predict: maxTokens ?? AS_MANY_AS_FIT,
    n_indent: lines.indent,
    t_max_predict_ms: lines.maxMs,
    ignore_eos: sampling.ignoresEnd,
    stream,
    n_probs: probabilities,
    samplers: SAMPLER_ORDER,
    lora: [],
  };
}
