import { z } from "zod";
import type { TokenizeOptions } from "../../generation/model.ts";
import type { GenerationRequest, Grammar, Prompt, Sampling, Tool } from "../../generation/request.ts";
import type { Priority } from "../../generation/terms.ts";
import { count, heartbeat, loadFailed, logged, type MessageOf, parserOf } from "./parse.ts";

/** Where layers of the model may run. `auto` takes the best that is found, `off` the CPU alone. */
export type GpuChoice = "auto" | "off" | "cuda" | "vulkan" | "metal";

/** Whether attention never forms the whole matrix of scores. `auto` is wherever llama.cpp has it for the model and the device. */
type FlashAttentionChoice = "auto" | "on" | "off";

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

/** What of a request is the host's business, or comes to a sequence in another form. */
type HostPart =
  | ("id" | "model" | "tools" | "output" | "choices" | "sampling" | "promptLogprobs")
  | ("said" | "terms" | "cache" | "observe" | "signal");

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

/** What the process loads that answers questions about text. */
export type VocabularyOptions = Pick<EngineOptions, "modelPath" | "gpu"> & {
  /** Tokens that one of the engine's slots holds. */
  readonly contextTokens: number;
};

/** What that process is sent: one question after another, each answered before the next. */
export type VocabularyHostMessage =
  | { readonly type: "load"; readonly options: VocabularyOptions }
  | { readonly type: "query"; readonly id: number; readonly query: Exclude<TextQuery, { readonly type: "price" }> };

const info = z.object({
  /** Sequences that run at once. */
  slots: count,
  /** Tokens for each slot, prompt and answer together. */
  contextTokens: count,
  trainContextTokens: count,
  vocabularySize: count,
  embeddingSize: count,
  description: z.string(),
  parameters: count,
  chatTemplate: z.string().exactOptional(),
  canInfill: z.boolean(),
  bosToken: z.string().exactOptional(),
  eosToken: z.string().exactOptional(),
  /** The device that took the layers: `cpu`, `cuda`, `vulkan` or `metal`. */
  device: z.string(),
  threads: count,
});

/** What the worker found when it had loaded. */
export type EngineInfo = MessageOf<typeof info>;

const rejection = z.discriminatedUnion("code", [
  z.object({
    code: z.literal("context_length_exceeded"),
    promptTokens: count,
    contextTokens: count,
    /** The prompt was not counted to its end. */
    atLeast: z.boolean(),
  }),
  z.object({ code: z.literal("unrenderable_prompt"), reason: z.string() }),
  /** `field`: in the words of `GenerationRequest`. */
  z.object({ code: z.literal("invalid_sampling"), field: z.string(), reason: z.string() }),
  /** The engine could not go on with this one alone; it is not the client's fault. */
  z.object({ code: z.literal("failed"), reason: z.string() }),
]);

/** Why a sequence was refused before its first token, or a query was. */
export type Rejection = MessageOf<typeof rejection>;

const bytes = z.array(z.int().min(0).max(255));
const scored = z.object({ token: count, bytes, logprob: z.number().max(0) });
const sampled = scored.extend({ top: z.array(scored) });
const ofPrompt = sampled.extend({ logprob: z.number().max(0).nullable() });

/** A token's natural log-probability. */
export type ScoredToken = MessageOf<typeof scored>;
/** A sampled token's log-probability, and those of the most likely ones in its place. */
export type SampledToken = MessageOf<typeof sampled>;
export type PromptToken = MessageOf<typeof ofPrompt>;

const ms = z.number().min(0);

/** What one sequence took in the engine, from its submission on. */
const times = z.object({
  /** Until it had a slot. */
  waitingMs: ms,
  /** From then until its first token could be drawn, others' turns included. */
  prefillMs: ms,
  /** What of its prompt was evaluated: all that no slot held. */
  prefillTokens: count,
  /** From then to its end. */
  decodeMs: ms,
  /** Those drawn here, and none from before a crash. */
  decodeTokens: count,
});

const update = z.object({
  id: count,
  /** Set in the sequence's first update. */
  started: z.object({ promptTokens: count, cachedTokens: count }).exactOptional(),
  /** The next of the prompt's tokens, where they are scored. */
  promptLogprobs: z.array(ofPrompt).exactOptional(),
  /** The tokens sampled in this step: normally one. */
  tokens: z.array(count),
  /** New text that is safe to show; may be empty while a character or a stop string is incomplete. */
  text: z.string(),
  /** Of the tokens whose text is shown by now and was not before, where they were asked for. */
  logprobs: z.array(sampled).exactOptional(),
  /** Set in the sequence's last update. Whether it ended with a call is for others to find out. */
  finished: z
    .object({
      reason: z.enum(["stop", "length"]),
      completionTokens: count,
      /** The stop string that ended it, where one did. */
      stopString: z.string().exactOptional(),
    })
    .exactOptional(),
  /** Beside `finished`. */
  times: times.exactOptional(),
});

/** What one step brought to one sequence. */
export type SequenceUpdate = MessageOf<typeof update>;

// Not element by element: a question may have a hundred thousand of them for its answer.
const tokens: z.ZodType<Uint32Array> = z.instanceof(Uint32Array);

const answer = z.discriminatedUnion("type", [
  z.object({ type: z.literal("tokens"), tokens }),
  /** `stop`: what ends an answer to it besides what was asked for. */
  z.object({ type: z.literal("prompt"), tokens, stop: z.array(z.string()) }),
  z.object({ type: z.literal("text"), text: z.string() }),
  z.object({ type: z.literal("pieces"), pieces: z.array(z.union([z.string(), bytes])) }),
  z.object({ type: z.literal("count"), count }),
  z.object({ type: z.literal("price"), promptTokens: count, cachedTokens: count }),
  z.object({ type: z.literal("rejected"), rejection }),
]);

export type TextAnswer = MessageOf<typeof answer>;

const answered = z.object({ type: z.literal("answer"), id: count, answer });

/**
 * The whole contract, steps included: a step of eight updates takes about 2 µs to check (0.2 µs by hand), and no step of a
 * model is shorter than a millisecond, so there is nothing to win by a second, weaker way of checking.
 */
const workerMessage = z.discriminatedUnion("type", [
  z.object({ type: z.literal("loaded"), info }),
  loadFailed,
  z.object({ type: z.literal("rejected"), id: count, rejection }),
  /** One for each step, with every sequence's news. */
  z.object({ type: z.literal("step"), updates: z.array(update) }),
  answered,
  heartbeat,
  logged,
]);

export type WorkerMessage = MessageOf<typeof workerMessage>;

/** Checks what came over an engine's channel. */
export const parseWorkerMessage = parserOf(workerMessage);

const vocabularyMessage = z.discriminatedUnion("type", [
  z.object({ type: z.literal("loaded"), info: z.object({ vocabularySize: count }) }),
  loadFailed,
  answered,
  logged,
]);

export type VocabularyWorkerMessage = MessageOf<typeof vocabularyMessage>;

/** Checks what came over the channel of a process that answers questions about text. */
export const parseVocabularyMessage = parserOf(vocabularyMessage);
