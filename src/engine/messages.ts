import type { FinishReason, PromptLogprob, SampledLogprob } from "../generation/event.ts";
import type { ModelInfo, Piece, PromptPrice, TokenizeOptions } from "../generation/model.ts";
import type { GenerationRequest, Grammar, Prompt, Sampling, Tool } from "../generation/request.ts";
import type { Priority } from "../generation/terms.ts";

/** Where layers of the model may run. `auto` takes the best that is found, `off` the CPU alone. */
export type GpuChoice = "auto" | "off" | "cuda" | "vulkan" | "metal";

/** Whether attention never forms the whole matrix of scores. `auto` is wherever llama.cpp has it for the model and the device. */
export type FlashAttentionChoice = "auto" | "on" | "off";

/** What the worker loads. Sent once, as its first message. */
export type EngineOptions = {
  readonly modelPath: string;
  /** How many sequences run at once. */
  readonly slots: number;
  /** Tokens for each slot, prompt and answer together; `auto` is the model's own, 4,096 at most. */
  readonly contextTokens: number | "auto";
  /** At most; `auto` is one for each core fit for arithmetic. */
  readonly threads: number | "auto";
  readonly gpu: GpuChoice;
  readonly flashAttention: FlashAttentionChoice;
  /** Prompts are cut at multiples of this. */
  readonly prefillChunkTokens: number;
  /** How long prompts may hold up a step of the decoding sequences, in ms; what must be exact takes a chunk in any case. */
  readonly prefillPauseMs: number;
  /** Which share of the time prompts may take while sequences decode; above 0, 1 is all that they need. */
  readonly prefillShare: number;
  /** How much of what slots lose is kept in files, so that conversations may outnumber slots; 0 is nothing. */
  readonly prefixStoreBytes: number;
};

/** What the worker found when it had loaded. */
export type EngineInfo = ModelInfo & {
  readonly slots: number;
  /** The device that took the layers: `cpu`, `cuda`, `vulkan` or `metal`. */
  readonly device: string;
  readonly threads: number;
};

/** What of a request is the host's business, or comes to a sequence in another form. */
type HostPart =
  | ("id" | "model" | "tools" | "output" | "choices" | "sampling" | "promptLogprobs")
  | ("terms" | "cache" | "signal");

/**
 * One running completion. A request with n choices is n of these. Whatever a request has that is not taken out here comes along, also
 * what is added to it one day.
 */
export type SequenceRequest = Omit<GenerationRequest, HostPart> & {
  /** The host's number for it; unique for the life of the host. */
  readonly id: number;
  /** Whose it is: tenants share the evaluation of prompts. */
  readonly tenant: string;
  readonly priority: Priority;
  /** What the chat template is told of. */
  readonly tools?: readonly Tool[];
  readonly sampling: Sampling & { readonly seed: number };
  /**
   * Whether the prompt's tokens are scored too, beside how many of the most likely, and how many of them an engine that died had scored
   * already. One of a request's sequences does it for all.
   */
  readonly promptScores?: { readonly top: number; readonly from: number };
  /** What the text is held to; undefined is any text. */
  readonly grammar?: Grammar;
  /** Whether the client gave the seed: then the same request gets the same text, even where reusing a prefix would be faster. */
  readonly reproducible: boolean;
  /**
   * Tokens that an engine which died had already sampled. They are taken as said: evaluated, run through the detokenizer and the
   * stop matcher, counted, but neither sampled nor sent again.
   */
  readonly replay: readonly number[];
};

export type HostMessage =
  | { readonly type: "load"; readonly options: EngineOptions }
  | { readonly type: "submit"; readonly sequence: SequenceRequest }
  | { readonly type: "cancel"; readonly id: number }
  /** The host's numbers for queries are apart from those for sequences. */
  | { readonly type: "query"; readonly id: number; readonly query: TextQuery };

/** A question about text, which needs no slot. */
export type TextQuery =
  | ({ readonly type: "tokenize"; readonly text: string } & TokenizeOptions)
  | { readonly type: "detokenize"; readonly tokens: readonly number[] }
  | { readonly type: "spell"; readonly tokens: readonly number[] }
  | {
      readonly type: "applyTemplate";
      readonly prompt: Extract<Prompt, { type: "chat" }>;
      readonly tools: readonly Tool[];
    }
  | { readonly type: "countTokens"; readonly prompt: Prompt; readonly tools: readonly Tool[] }
  /** The tokens of a prompt that is to be gone on from. */
  | { readonly type: "read"; readonly prompt: Prompt; readonly tools: readonly Tool[] }
  /** Only an engine knows what it holds. */
  | { readonly type: "price"; readonly prompt: Prompt; readonly tools: readonly Tool[] };

export type TextAnswer =
  | { readonly type: "tokens"; readonly tokens: Uint32Array }
  /** `stop`: what ends an answer to it besides what was asked for. */
  | { readonly type: "prompt"; readonly tokens: Uint32Array; readonly stop: readonly string[] }
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "pieces"; readonly pieces: readonly Piece[] }
  | { readonly type: "count"; readonly count: number }
  | ({ readonly type: "price" } & PromptPrice)
  | { readonly type: "rejected"; readonly rejection: Rejection };

/** Why a sequence was refused before its first token, or a query was. */
export type Rejection =
  | {
      readonly code: "context_length_exceeded";
      readonly promptTokens: number;
      readonly contextTokens: number;
      /** The prompt was not counted to its end. */
      readonly atLeast: boolean;
    }
  | { readonly code: "unrenderable_prompt"; readonly reason: string }
  | {
      readonly code: "invalid_sampling";
      /** In the words of `GenerationRequest`. */
      readonly field: string;
      readonly reason: string;
    }
  /** The engine could not go on with this one alone; it is not the client's fault. */
  | { readonly code: "failed"; readonly reason: string };

/** What one step brought to one sequence. */
export type SequenceUpdate = {
  readonly id: number;
  /** Set in the sequence's first update. */
  readonly started?: { readonly promptTokens: number; readonly cachedTokens: number };
  /** The next of the prompt's tokens, where they are scored. */
  readonly promptLogprobs?: readonly PromptLogprob[];
  /** The tokens sampled in this step: normally one. */
  readonly tokens: readonly number[];
  /** New text that is safe to show; may be empty while a character or a stop string is incomplete. */
  readonly text: string;
  /** Of the tokens whose text is shown by now and was not before, where they were asked for. */
  readonly logprobs?: readonly SampledLogprob[];
  /** Set in the sequence's last update. */
  readonly finished?: {
    /** Whether it ended with a call is for others to find out. */
    readonly reason: Exclude<FinishReason, "tool_calls">;
    readonly completionTokens: number;
    /** The stop string that ended it, where one did. */
    readonly stopString?: string;
  };
};

/** What the process loads that answers questions about text. */
export type VocabularyOptions = Pick<EngineOptions, "modelPath" | "gpu"> & {
  /** Tokens that one of the engine's slots holds. */
  readonly contextTokens: number;
};

/** What that process is sent: one question after another, each answered before the next. */
export type VocabularyHostMessage =
  | { readonly type: "load"; readonly options: VocabularyOptions }
  | { readonly type: "query"; readonly id: number; readonly query: Exclude<TextQuery, { readonly type: "price" }> };

export type VocabularyWorkerMessage =
  | { readonly type: "loaded" }
  | Extract<WorkerMessage, { readonly type: "loadFailed" | "answer" | "log" }>;

export type WorkerMessage =
  | { readonly type: "loaded"; readonly info: EngineInfo }
  /** The model can't be loaded; the worker exits by itself after this. The reason has no full stop at its end. */
  | { readonly type: "loadFailed"; readonly reason: string }
  | { readonly type: "rejected"; readonly id: number; readonly rejection: Rejection }
  /** One for each step, with every sequence's news. */
  | { readonly type: "step"; readonly updates: readonly SequenceUpdate[] }
  | { readonly type: "answer"; readonly id: number; readonly answer: TextAnswer }
  /** Twice a second. `decodingForMs` is how long the native call in progress has taken, 0 when there is none. */
  | { readonly type: "heartbeat"; readonly decodingForMs: number }
  | { readonly type: "log"; readonly level: "debug" | "info" | "warn" | "error"; readonly message: string };
