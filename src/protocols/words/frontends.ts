import { aliasOf, hint, type Owner, refused, replaced, type Word, words } from "./word.ts";

const NO_SAMPLER = "there is no such sampler";
const READ_WHOLE = "a prompt is read whole; shorten it";
const NO_EXTRAS = "the answer has no such field";
const WEBUI: readonly Owner[] = ["text-generation-webui"];

/** What clients send that were written for a hosted API, or for a server that stands behind its own front end. */
export const FRONTENDS: readonly Word[] = [
  ...words("Mistral", "random_seed", aliasOf("seed")),
  ...words("Mistral", "safe_prompt", refused("no words are put before the messages", false)),
  ...words("Mistral", "prompt_mode", replaced("use 'chat_template_kwargs'")),

  ...words(["TGI", ...WEBUI], "do_sample", replaced("set 'temperature' to 0", true)),
  ...words("TGI", "watermark", refused("answers have no watermark", false)),
  // Ollama's is a boolean, which says what becomes of what doesn't fit.
  ...words(["Ollama", "TGI"], "truncate", refused(READ_WHOLE, true, false)),
  ...words("TGI", "adapter_id", refused("there are no adapters")),
  ...words("TGI", "top_n_tokens", replaced("ask for log-probabilities", 0)),
  ...words("TGI", "details decoder_input_details", refused(NO_EXTRAS, false)),
  ...words("TGI", "return_full_text", replaced("use 'echo' in /v1/completions", false)),
  ...words("TGI", "tool_prompt", refused("the model's own template has the words for tools", "")),
  ...words("TGI", "guideline", replaced("put it into a message", "")),

  ...words("Fireworks", "prompt_truncate_len", refused(READ_WHOLE)),
  ...words("Fireworks", "context_length_exceeded_behavior", hint("an answer ends where the context does")),
  ...words("Fireworks", "raw_output", refused(NO_EXTRAS, false)),

  ...words(WEBUI, "ban_eos_token", aliasOf("ignore_eos")),
  ...words(WEBUI, "custom_token_bans", replaced("use 'logit_bias' with -100", "")),
  ...words(WEBUI, "guidance_scale encoder_repetition_penalty num_beams tfs", refused(NO_SAMPLER, 1)),
  ...words(
    WEBUI,
    "no_repeat_ngram_size penalty_alpha epsilon_cutoff eta_cutoff smoothing_factor",
    refused(NO_SAMPLER, 0),
  ),
  ...words(WEBUI, "dynamic_temperature", refused(NO_SAMPLER, false)),
  ...words(WEBUI, "negative_prompt smoothing_curve", hint("it shapes a sampler that is refused where it is on")),
  ...words(WEBUI, "truncation_length", hint("a prompt that doesn't fit is refused")),
];
