import { aliasOf, FIELD, hint, type Owner, refused, replaced, type Word, words } from "./word.ts";

const INSIDE = "it controls another server's internals";
const OF_WHAT_IS_OFF = "it belongs to a sampler that is not available";
const NO_EXTRAS = "the answer has no such field here";
const NO_SAMPLER = "this sampler is not available";
const NO_BUDGET = "reasoning has no separate limit; limit the tokens of the whole answer";

const ALL_THREE: readonly Owner[] = ["vLLM", "llama-server", "SGLang"];
const BOTH: readonly Owner[] = ["vLLM", "SGLang"];

/** Sampling and stop conditions. */
const SAMPLING: readonly Word[] = [
  ...words(ALL_THREE, "top_k min_p ignore_eos", FIELD),
  ...words(BOTH, "min_tokens stop_token_ids repetition_penalty skip_special_tokens", FIELD),
  ...words("vLLM", "bad_words allowed_token_ids include_stop_str_in_output", FIELD),
  ...words("llama-server", "repeat_penalty repeat_last_n xtc_probability xtc_threshold", FIELD),
  ...words("OpenAI", "seed presence_penalty frequency_penalty", FIELD, ["responses", "messages"]),
  ...words("OpenAI", "logit_bias", FIELD, ["responses", "messages"]),
  ...words("OpenAI", "stop", FIELD, ["responses"]),
  ...words("SGLang", "no_stop_trim", aliasOf("include_stop_str_in_output")),
  ...words("SGLang", "min_new_tokens", aliasOf("min_tokens")),
  ...words("llama-server", "n_predict", aliasOf("max_tokens"), ["chat", "completions", "messages"]),
  ...words("llama-server", "n_predict", aliasOf("max_output_tokens"), ["responses"]),
  ...words(["TGI", "SGLang"], "max_new_tokens", aliasOf("max_tokens"), ["chat", "completions", "messages"]),
  ...words(["TGI", "SGLang"], "max_new_tokens", aliasOf("max_output_tokens"), ["responses"]),
  ...words("Ollama", "num_predict", aliasOf("max_tokens"), ["chat", "completions", "messages"]),
  ...words("Ollama", "num_predict", aliasOf("max_output_tokens"), ["responses"]),

  ...words("llama-server", "typical_p typ_p tfs_z", refused(NO_SAMPLER, 1)),
  ...words("llama-server", "mirostat dry_multiplier dynatemp_range top_a", refused(NO_SAMPLER, 0)),
  ...words("llama-server", "top_n_sigma adaptive_target", refused(NO_SAMPLER, -1, 0)),
  ...words(
    "llama-server",
    "mirostat_tau mirostat_eta dry_base dry_allowed_length dry_penalty_last_n dry_sequence_breakers dynatemp_exponent adaptive_decay",
    hint(OF_WHAT_IS_OFF),
  ),
  ...words("llama-server", "min_keep", refused("each sampler keeps at least one token", 0, 1)),
  ...words(
    "llama-server",
    "samplers",
    refused(
      "their order is fixed to llama-server's default",
      ["penalties", "dry", "top_n_sigma", "top_k", "typ_p", "top_p", "min_p", "xtc", "temperature"],
      ["penalties", "dry", "top_k", "typ_p", "top_p", "min_p", "xtc", "temperature"],
      ["penalties", "top_k", "top_p", "min_p", "xtc", "temperature"],
      ["penalties", "top_k", "top_p", "min_p", "temperature"],
      ["top_k", "top_p", "min_p", "temperature"],
      ["min_p", "temperature"],
      "edskypmxt",
      "edkypmxt",
    ),
  ),
  ...words("llama-server", "t_max_predict_ms", refused("answers are limited by tokens, not by time", -1, 0)),
  ...words("llama-server", "n_indent", refused("indentation doesn't end an answer here", 0)),
  ...words("vLLM", "use_beam_search", refused("there is no beam search", false)),
  ...words("vLLM", "length_penalty", hint("it belongs to beam search")),
  ...words("vLLM", "early_stopping", hint("it belongs to beam search")),
  ...words("vLLM", "spaces_between_special_tokens", hint("control tokens are returned unchanged")),
  ...words("vLLM", "watermarking", refused("answers have no watermark", false)),
  ...words("vLLM", "repetition_detection", replaced("repetitions are not detected; use a penalty")),
  ...words("vLLM", "best_of", refused("only completions have it", 1), ["chat", "responses", "messages"]),
  ...words("vLLM", "logits_processors", refused("clients' code is not run")),
  ...words("SGLang", "custom_logit_processor custom_params", refused("clients' code is not run", {})),
  ...words("vLLM", "vllm_xargs", refused("there are no vLLM extensions here", {})),
  ...words("SGLang", "stop_regex", replaced("patterns can't end an answer; use 'stop'")),
  ...words("llama-server", "lora", refused("an adapter is a model of its own: name it in 'model'")),
  ...words("SGLang", "lora_path", refused("an adapter is a model of its own: name it in 'model'")),
];

/** The format of the answer. */
const FORMATS: readonly Word[] = [
  ...words(
    "vLLM",
    "guided_json guided_regex guided_choice guided_grammar guided_json_object structured_outputs",
    FIELD,
  ),
  ...words("llama-server", "grammar", FIELD),
  ...words(["llama-server", "SGLang"], "json_schema", FIELD),
  ...words("SGLang", "ebnf regex", FIELD),
  ...words("Ollama", "format", FIELD),
  ...words("vLLM", "response_format", FIELD, ["completions"]),
  ...words("vLLM", "guided_decoding_backend", hint("there is only one")),
  ...words("vLLM", "guided_whitespace_pattern", refused("white space follows JSON")),
  ...words("SGLang", "structural_tag", replaced("use a grammar")),
  ...words("llama-server", "grammar_lazy", replaced("a grammar applies from the first token; use tools", false)),
  ...words(
    "llama-server",
    "grammar_triggers preserved_tokens",
    replaced("a grammar applies from the first token; use tools"),
  ),
];

/** The prompt. */
const PROMPTS: readonly Word[] = [
  ...words(["vLLM", "llama-server"], "chat_template_kwargs", FIELD, ["chat", "responses", "messages"]),
  ...words(["vLLM", "SGLang"], "continue_final_message", FIELD, ["chat"]),
  ...words("vLLM", "add_generation_prompt", FIELD, ["chat"]),
  ...words(["vLLM", "SGLang"], "enable_thinking", FIELD, ["chat", "responses"]),
  ...words("Ollama", "think", FIELD, ["chat"]),
  ...words("OpenRouter", "reasoning", FIELD, ["chat"]),
  ...words("Anthropic", "thinking", FIELD, ["chat"]),
  ...words("vLLM", "chat_template", refused("the model's own template is used")),
  ...words("Ollama", "template", refused("the model's own template is used", "")),
  ...words("vLLM", "documents", replaced("put them into 'chat_template_kwargs' or a message"), ["chat"]),
  ...words("vLLM", "add_special_tokens", refused("the template adds them", false), ["chat"]),
  ...words("vLLM", "add_special_tokens", replaced("send the prompt as token ids", true), ["completions"]),
  ...words("vLLM", "truncate_prompt_tokens", replaced("a prompt is never shortened; send a shorter one", -1)),
  ...words("vLLM", "truncation_side", hint("a prompt is never shortened")),
  ...words("vLLM", "prompt_embeds", refused("a prompt is text or token ids"), ["completions"]),
  ...words("SGLang", "input_ids", replaced("send token ids to /v1/completions"), ["chat"]),
  ...words("SGLang", "task", refused("there are no such tasks"), ["chat"]),
  ...words("Ollama", "raw", replaced("use /v1/completions", false)),
  ...words("Ollama", "images", refused("the model reads text only")),
  ...words("Ollama", "context", replaced("send the conversation itself")),
  ...words("vLLM", "echo", replaced("use 'continue_final_message'", false), ["chat"]),
  ...words("vLLM", "mm_processor_kwargs media_io_kwargs", hint("the model reads text only")),
  ...words(
    "SGLang",
    "images_config max_dynamic_patch min_dynamic_patch use_audio_in_video",
    hint("the model reads text only"),
  ),
  ...words("vLLM", "thinking_token_budget", replaced(NO_BUDGET, -1)),
  ...words("llama-server", "reasoning_budget reasoning_budget_tokens thinking_budget_tokens", replaced(NO_BUDGET, -1)),
  ...words(
    "llama-server",
    "reasoning_budget_message reasoning_budget_start_tag reasoning_budget_end_tag",
    hint("reasoning has no separate limit"),
  ),
  ...words("OpenRouter", "transforms route models provider usage", hint("the model that is named answers")),
  ...words("OpenRouter", "plugins", refused("there are no plugins")),
];

/** The content of the answer. */
const ANSWERS: readonly Word[] = [
  ...words("vLLM", "include_reasoning", refused("reasoning is part of the answer", true)),
  ...words("SGLang", "separate_reasoning stream_reasoning", refused("reasoning is streamed separately", true)),
  ...words("llama-server", "reasoning_format", refused("reasoning is returned separately", "auto", "deepseek")),
  ...words("llama-server", "parse_tool_calls", refused("calls are always parsed", true)),
  ...words(
    "llama-server",
    "chat_format chat_parser thinking_forced_open",
    refused("the model's own format is used", false, 0),
  ),
  ...words("llama-server", "n_probs", replaced("use 'logprobs'", 0)),
  ...words("llama-server", "post_sampling_probs", refused("log-probabilities are from before sampling", false)),
  ...words("vLLM", "logprob_token_ids", replaced("use 'logprobs'")),
  ...words("vLLM", "prompt_logprobs", FIELD, ["chat", "completions"]),
  ...words("vLLM", "prompt_logprobs", refused("only chat completions and completions have them"), [
    "responses",
    "messages",
  ]),
  ...words(
    "vLLM",
    "return_tokens_as_token_ids return_token_ids return_prompt_text return_token_offsets",
    refused(NO_EXTRAS, false),
  ),
  ...words("llama-server", "return_tokens", refused(NO_EXTRAS, false)),
  ...words("llama-server", "response_fields", refused("the answer always has all fields")),
  ...words(
    "SGLang",
    "return_hidden_states return_routed_experts return_prompt_token_ids return_meta_info return_cached_tokens_details",
    refused(NO_EXTRAS, false),
  ),
  ...words("Ollama", "logprobs", refused("only chat completions, completions and responses have them", false, 0), [
    "messages",
  ]),
  ...words(
    "llama-server",
    "timings_per_token return_progress verbose",
    hint("it asks for statistics besides the answer"),
  ),
  ...words("vLLM", "stream_interval", hint("each token is sent as soon as it is there")),
  ...words("vLLM", "routed_experts_prompt_start return_mm_kwargs", hint(INSIDE)),
  ...words("Ollama", "shift", hint("an answer ends when the context is full")),
];

/** Internals of other servers. */
const INSIDES: readonly Word[] = [
  ...words("vLLM", "request_id session_id kv_transfer_params ec_transfer_params", hint(INSIDE)),
  ...words(["vLLM", "SGLang"], "cache_salt", hint("keys don't share answers, and cached prefixes reveal nothing")),
  ...words(["vLLM", "SGLang"], "priority", hint("use 'service_tier'")),
  ...words("SGLang", "rid extra_key session_params bootstrap_host bootstrap_port bootstrap_room", hint(INSIDE)),
  ...words(
    "SGLang",
    "routed_dp_rank disagg_prefill_dp_rank data_parallel_rank routed_experts_start_len custom_labels ngram_corpus_id",
    hint(INSIDE),
  ),
  ...words(
    "llama-server",
    "id_slot slot_id cache_prompt n_cache_reuse n_keep n_discard backend_sampling",
    hint(INSIDE),
  ),
  ...words("Ollama", "keep_alive options", hint("its fields are read as fields of the body")),
];

/** Fields that other servers accept in the same routes. */
export const NEIGHBOURS: readonly Word[] = [...SAMPLING, ...FORMATS, ...PROMPTS, ...ANSWERS, ...INSIDES];
