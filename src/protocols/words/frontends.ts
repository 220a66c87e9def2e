import { aliasOf, hint, type Owner, refused, replaced, type Word, words } from "./word.ts";

const NO_SAMPLER = "this sampler is not available";
const READ_WHOLE = "a prompt is never shortened; send a shorter one";
const NO_EXTRAS = "the answer has no such field";
const WEBUI: readonly Owner[] = ["text-generation-webui"];

/** Fields of hosted APIs and of servers with their own front end. */
export const FRONTENDS: readonly Word[] = [
  ...words("Mistral", "random_seed", aliasOf("seed")),
  ...words("Mistral", "safe_prompt", refused("nothing is added before the messages", false)),
  ...words("Mistral", "prompt_mode", replaced("use 'chat_template_kwargs'")),

  ...words(["TGI", ...WEBUI], "do_sample", replaced("set 'temperature' to 0", true)),
  ...words("TGI", "watermark", refused("answers have no watermark", false)),
  // Ollama's is a boolean: whether to shorten a prompt that doesn't fit.
  ...words(["Ollama", "TGI"], "truncate", refused(READ_WHOLE, true, false)),
  ...words("TGI", "adapter_id", refused("an adapter is a model of its own: name it in 'model'")),
  ...words("TGI", "top_n_tokens", replaced("ask for log-probabilities", 0)),
  ...words("TGI", "details decoder_input_details", refused(NO_EXTRAS, false)),
  ...words("TGI", "return_full_text", replaced("use 'echo' in /v1/completions", false)),
  ...words("TGI", "tool_prompt", refused("the model's own template describes the tools", "")),
  ...words("TGI", "guideline", replaced("put it into a message", "")),

  ...words("Fireworks", "prompt_truncate_len", refused(READ_WHOLE)),
  ...words("Fireworks", "context_length_exceeded_behavior", hint("an answer ends when the context is full")),
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
  ...words(WEBUI, "negative_prompt smoothing_curve", hint("it belongs to a sampler that is not available")),
  ...words(WEBUI, "truncation_length", hint("a prompt that doesn't fit is refused")),
];
