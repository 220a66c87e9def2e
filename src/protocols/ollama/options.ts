import { z } from "zod";
import type { Sampling } from "../../generation/request.ts";
import type { Wish } from "../../generation/wish.ts";
import { integer, isSet } from "../fields.ts";
import { isNot, type Refusal, refuseUnsupported } from "../refusals.ts";
import { decodeEnds, decodeSampling, samplingFields } from "../sampling.ts";

/** Ollama's documented defaults. */
export const OLLAMA_SAMPLING: Partial<Sampling> = { temperature: 0.8, topK: 40, topP: 0.9 };

/** Ollama has -1 and -2 for as many tokens as fit. */
const AS_MANY_AS_FIT = -2;
/** Ollama's value for a random seed. */
const ANY_SEED = -1;

const NO_SAMPLER = "this sampler is not available; use 'min_p' or 'top_p'";

const { temperature, top_k, top_p, min_p, repeat_penalty, repeat_last_n } = samplingFields;
const { presence_penalty, frequency_penalty, seed, stop } = samplingFields;

/** The `options` that are about one answer. */
export const ollamaOptions = z.object(
  {
    ...{ temperature, top_k, top_p, min_p, repeat_penalty, repeat_last_n, presence_penalty, frequency_penalty, stop },
    seed: seed.describe("The same request with the same seed gets the same text; -1 means a random seed."),
    num_predict: integer(AS_MANY_AS_FIT, Number.MAX_SAFE_INTEGER)
      .nullish()
      .describe("The maximum number of tokens in the answer; 0 or less means as many as fit."),
    // Only described here: `REFUSALS` refuses them.
    typical_p: z.number().nullish().describe("Refused, except 1."),
    tfs_z: z.number().nullish().describe("Refused, except 1."),
    mirostat: z.number().nullish().describe("Refused, except 0."),
  },
  { error: "an object" },
);

/** Options that are accepted without effect, with the reason. Unknown names are ignored, as in Ollama. */
export const IDLE_OPTIONS: Readonly<Record<string, string>> = {
  num_ctx: "the server's settings set the context length",
  num_keep: "a prompt is never shortened: it is evaluated whole or refused",
  ...idle(
    "num_batch num_gpu main_gpu num_thread use_mmap use_mlock low_vram numa num_gqa vocab_only logits_all f16_kv",
  ),
  ...idle("draft_num_predict embedding_only rope_frequency_base rope_frequency_scale"),
  ...idle("penalize_newline mirostat_tau mirostat_eta", "it belongs to an option that is not available"),
};

/** Fields that are refused, except for values without effect. */
export const REFUSALS: readonly Refusal[] = [
  ...["typical_p", "tfs_z"].map((name) => refusal(`options.${name}`, NO_SAMPLER, 1)),
  refusal("options.mirostat", NO_SAMPLER, 0),
  refusal("template", "the model's own template is used; use 'raw' for a prompt without a template", ""),
  refusal("context", "the tokens of earlier answers are not stored; send the conversation to /api/chat", ""),
  refusal("_debug_render_only", "use /apply-template", false),
];

function idle(names: string, reason = "it is about loading the model, which the server's settings control") {
  return Object.fromEntries(names.split(" ").map((name) => [name, reason]));
}

function refusal(param: string, reason: string, ...neutral: readonly unknown[]): Refusal {
  return { param, reason, asksForIt: isNot(...neutral) };
}

/** Throws `InvalidRequestError` for unsupported fields that would change the answer. */
export function refuseUnknownWishes(body: unknown): void {
  refuseUnsupported(body, REFUSALS);
}

/** Decodes `options`. */
export function decodeOptions(
  options: z.output<typeof ollamaOptions> = {},
): Pick<Wish, "sampling" | "maxTokens" | "stop"> {
  const { num_predict: wanted, seed, ...rest } = options;
  return {
    ...(isSet(wanted) && { maxTokens: wanted > 0 ? wanted : null }),
    ...decodeEnds(rest),
    sampling: decodeSampling({ ...rest, ...(seed !== ANY_SEED && { seed }) }),
  };
}
