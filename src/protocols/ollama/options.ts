import { z } from "zod";
import type { Sampling } from "../../generation/request.ts";
import type { Wish } from "../../generation/wish.ts";
import { integer, isSet } from "../fields.ts";
import { isNot, type Refusal, refuseUnsupported } from "../refusals.ts";
import { decodeEnds, decodeSampling, samplingFields } from "../sampling.ts";

/** What Ollama takes for said where a request doesn't say it; its documentation promises these. */
export const OLLAMA_SAMPLING: Partial<Sampling> = { temperature: 0.8, topK: 40, topP: 0.9 };

/** Two ways to say: as many tokens as fit. */
const AS_MANY_AS_FIT = -2;
/** Ollama's word for a seed that is drawn. */
const ANY_SEED = -1;

const NO_SAMPLER = "there is no such sampler; use 'min_p' or 'top_p'";

const { temperature, top_k, top_p, min_p, repeat_penalty, repeat_last_n } = samplingFields;
const { presence_penalty, frequency_penalty, seed, stop } = samplingFields;

/** What of `options` is about one answer. */
export const ollamaOptions = z.object(
  {
    ...{ temperature, top_k, top_p, min_p, repeat_penalty, repeat_last_n, presence_penalty, frequency_penalty, stop },
    seed: seed.describe("The same request with the same seed gets the same text; -1 draws one."),
    num_predict: integer(AS_MANY_AS_FIT, Number.MAX_SAFE_INTEGER)
      .nullish()
      .describe("The answer has at most so many tokens; 0 and less are as many as fit."),
    // Described here, and refused before they are read.
    typical_p: z.number().nullish().describe("Refused, but for 1."),
    tfs_z: z.number().nullish().describe("Refused, but for 1."),
    mirostat: z.number().nullish().describe("Refused, but for 0."),
  },
  { error: "an object" },
);

/** Options that are taken and change nothing, with the reason. Names that nobody knows are passed over, as Ollama does. */
export const IDLE_OPTIONS: Readonly<Record<string, string>> = {
  num_ctx: "the context is as long as the server was told",
  num_keep: "a prompt is read whole or refused",
  ...idle(
    "num_batch num_gpu main_gpu num_thread use_mmap use_mlock low_vram numa num_gqa vocab_only logits_all f16_kv",
  ),
  ...idle("draft_num_predict embedding_only rope_frequency_base rope_frequency_scale"),
  ...idle("penalize_newline mirostat_tau mirostat_eta", "it means nothing without what it belongs to"),
};

/** What is refused by its name, unless its value asks for nothing. */
export const REFUSALS: readonly Refusal[] = [
  ...["typical_p", "tfs_z"].map((name) => refusal(`options.${name}`, NO_SAMPLER, 1)),
  refusal("options.mirostat", NO_SAMPLER, 0),
  refusal("template", "the model's own template is used; use 'raw' for a prompt in a form of its own", ""),
  refusal("context", "tokens of an earlier answer are not kept; send the conversation to /api/chat", ""),
  refusal("_debug_render_only", "use /apply-template", false),
];

function idle(names: string, reason = "it is about how a model is loaded, which is the server's business") {
  return Object.fromEntries(names.split(" ").map((name) => [name, reason]));
}

function refusal(param: string, reason: string, ...neutral: readonly unknown[]): Refusal {
  return { param, reason, asksForIt: isNot(...neutral) };
}

/** Throws `InvalidRequestError` for what would change an answer and can't be had here. */
export function refuseUnknownWishes(body: unknown): void {
  refuseUnsupported(body, REFUSALS);
}

/** What `options` wish. */
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
