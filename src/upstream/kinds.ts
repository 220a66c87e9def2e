import type { UpstreamKind } from "../config/upstreams.ts";
import type { Sampling } from "../generation/request.ts";

/** Which of the two thinks its way a kind has for what the model thought before. */
type ReasoningField = "reasoning" | "reasoning_content";

/** The fields of OpenAI's API that a kind understands beyond the usual ones. */
type OpenAiWords = {
  /** The name of each field of `Sampling` that it takes. */
  readonly sampling: Readonly<Partial<Record<keyof Sampling, string>>>;
  readonly maxTokens: "max_tokens" | "max_completion_tokens";
  /** The field in which an assistant's earlier reasoning is sent; absent where it must not be. */
  readonly reasoning?: ReasoningField;
  /** Whether variables of the model's chat template are taken as `chat_template_kwargs`. */
  readonly hasTemplateArguments?: true;
  /** How an unfinished last message of the assistant is continued: by a field, or always. */
  readonly continues?: "field" | "always";
  /** Whether it takes vLLM's stop_token_ids, include_stop_str_in_output and skip_special_tokens. */
  readonly hasTokenFields?: true;
  /** The body for an answer that is held to a pattern, and to a grammar in GBNF. */
  readonly regex?: (pattern: string) => object;
  readonly grammar?: (gbnf: string) => object;
  /** Whether a session's id is also sent as `prompt_cache_key`. */
  readonly hasCacheKey?: true;
};

/** The names of a server's gauges in its metrics. */
export type GaugeNames = {
  /** Requests that have no slot yet. */
  readonly waiting?: string;
  readonly running?: string;
};

/** What sets one kind of server apart. All of it is data. */
export type Kind = {
  readonly api: "openai" | "anthropic" | "ollama";
  /** Added to a base URL that does not end in it. */
  readonly prefix: string;
  /** A path from the base URL that answers 200 while the server is well, and wakes no model. Undefined where only requests tell. */
  readonly health: string | undefined;
  /** A path after the prefix with the list of models, and the list's field. */
  readonly models: string;
  readonly words: OpenAiWords;
  readonly can: {
    readonly tools: boolean;
    readonly schemas: boolean;
    readonly logprobs: boolean;
    /** Whether images are sent to it. Whether a model reads them is for it to say. */
    readonly images: boolean;
    readonly embeddings: boolean;
    /** Whether it continues texts, without a conversation. */
    readonly completions: boolean;
  };
  /** Its gauges at `/metrics`, which wakes no model; undefined where it has none that are known. */
  readonly gauges?: GaugeNames;
  /** Whether it tells its load with an answer where it is asked to. */
  readonly reportsLoad?: boolean;
  /** The headers that keep the requests of a session together. */
  readonly sessionHeaders: readonly string[];
};

const OPENAI_SAMPLING = {
  temperature: "temperature",
  topP: "top_p",
  presencePenalty: "presence_penalty",
  frequencyPenalty: "frequency_penalty",
  logitBias: "logit_bias",
  seed: "seed",
} as const;

const SGLANG_SAMPLING = {
  ...OPENAI_SAMPLING,
  topK: "top_k",
  minP: "min_p",
  repeatPenalty: "repetition_penalty",
  minTokens: "min_tokens",
  ignoresEnd: "ignore_eos",
} as const;

const VLLM_SAMPLING = { ...SGLANG_SAMPLING, badWords: "bad_words", allowedTokenIds: "allowed_token_ids" } as const;

const LLAMA_SAMPLING = {
  ...OPENAI_SAMPLING,
  topK: "top_k",
  minP: "min_p",
  repeatPenalty: "repeat_penalty",
  repeatLastTokens: "repeat_last_n",
  xtcProbability: "xtc_probability",
  xtcThreshold: "xtc_threshold",
  ignoresEnd: "ignore_eos",
} as const;

const ALL = { tools: true, schemas: true, logprobs: true, images: true, embeddings: true, completions: true } as const;

const structured = {
  regex: (regex: string) => ({ structured_outputs: { regex } }),
  grammar: (grammar: string) => ({ structured_outputs: { grammar } }),
};

const VLLM_GAUGES: GaugeNames = { waiting: "vllm:num_requests_waiting", running: "vllm:num_requests_running" };

const VLLM: Kind = {
  api: "openai",
  prefix: "/v1",
  health: "/health",
  models: "/models",
  words: {
    sampling: VLLM_SAMPLING,
    maxTokens: "max_tokens",
    reasoning: "reasoning",
    hasTemplateArguments: true,
    continues: "field",
    hasTokenFields: true,
    ...structured,
  },
  can: ALL,
  gauges: VLLM_GAUGES,
  reportsLoad: true,
  sessionHeaders: ["x-session-id"],
};

const GENERIC: Kind = {
  api: "openai",
  prefix: "/v1",
  health: undefined,
  models: "/models",
  words: {
    // Most servers take these two, and the others ignore them.
    sampling: { ...OPENAI_SAMPLING, topK: "top_k", minP: "min_p" },
    maxTokens: "max_tokens",
  },
  can: ALL,
  sessionHeaders: ["x-session-id"],
};

/** Each kind, by its name in the settings. */
export const KINDS: Readonly<Record<UpstreamKind, Kind>> = {
  generic: GENERIC,
  openai: {
    ...GENERIC,
    words: { sampling: OPENAI_SAMPLING, maxTokens: "max_completion_tokens", hasCacheKey: true },
    sessionHeaders: [],
  },
  anthropic: {
    ...GENERIC,
    api: "anthropic",
    words: { sampling: { temperature: "temperature", topP: "top_p", topK: "top_k" }, maxTokens: "max_tokens" },
    can: { ...ALL, logprobs: false, embeddings: false, completions: false },
    sessionHeaders: [],
  },
  vllm: VLLM,
  sglang: {
    ...VLLM,
    words: {
      sampling: SGLANG_SAMPLING,
      maxTokens: "max_tokens",
      reasoning: "reasoning_content",
      hasTemplateArguments: true,
      continues: "field",
      hasTokenFields: true,
      regex: (regex) => ({ regex }),
      grammar: (ebnf) => ({ ebnf }),
    },
    reportsLoad: false,
    gauges: { waiting: "sglang:num_queue_reqs", running: "sglang:num_running_reqs" },
    sessionHeaders: ["x-session-id", "x-smg-routing-key"],
  },
  "llama-server": {
    ...VLLM,
    words: {
      sampling: LLAMA_SAMPLING,
      maxTokens: "max_tokens",
      reasoning: "reasoning_content",
      hasTemplateArguments: true,
      continues: "always",
      grammar: (grammar) => ({ grammar }),
    },
    reportsLoad: false,
    gauges: { waiting: "llamacpp:requests_deferred", running: "llamacpp:requests_processing" },
    sessionHeaders: [],
  },
  sluice: {
    ...VLLM,
    // Its own `/health` says nothing of the models.
    health: "/ready",
    words: {
      sampling: { ...VLLM_SAMPLING, ...LLAMA_SAMPLING },
      maxTokens: "max_tokens",
      reasoning: "reasoning_content",
      hasTemplateArguments: true,
      continues: "field",
      hasTokenFields: true,
      ...structured,
    },
    sessionHeaders: ["sluice-session"],
  },
  ollama: {
    api: "ollama",
    prefix: "/api",
    health: "/api/version",
    models: "/tags",
    words: {
      sampling: {
        temperature: "temperature",
        topP: "top_p",
        topK: "top_k",
        minP: "min_p",
        presencePenalty: "presence_penalty",
        frequencyPenalty: "frequency_penalty",
        repeatPenalty: "repeat_penalty",
        repeatLastTokens: "repeat_last_n",
        seed: "seed",
      },
      maxTokens: "max_tokens",
    },
    can: ALL,
    sessionHeaders: [],
  },
  "lm-studio": {
    ...GENERIC,
    health: "/v1/models",
    words: {
      sampling: { ...OPENAI_SAMPLING, topK: "top_k", minP: "min_p", repeatPenalty: "repeat_penalty" },
      maxTokens: "max_tokens",
    },
    sessionHeaders: [],
  },
  triton: { ...GENERIC, health: "/health/ready", gauges: { waiting: "nv_inference_pending_request_count" } },
  openvino: {
    ...GENERIC,
    ...{ prefix: "/v3", health: "/v2/health/ready", gauges: { running: "ovms_current_requests" } },
  },
  onnx: { ...GENERIC, can: { ...ALL, logprobs: false } },
  "ray-serve": { ...VLLM, health: "/-/healthz" },
};
