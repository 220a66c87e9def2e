import { z } from "zod";
import type { TokenizeOptions } from "../../generation/model.ts";
import type { GenerationRequest, Grammar, Prompt, Sampling, Tool } from "../../generation/request.ts";
import type { Priority } from "../../generation/terms.ts";
import { count, heartbeat, loadFailed, logged, type MessageOf, type Parsed, parserOf } from "./parse.ts";
import { stepsMessage } from "./steps.ts";

/** The device that runs the model's layers. `auto` picks the best one found; `off` is the CPU. */
export type GpuChoice = "auto" | "off" | "cuda" | "vulkan" | "metal";

/** Whether to use flash attention. `auto` uses it if llama.cpp supports it for the model and the device. */
type FlashAttentionChoice = "auto" | "on" | "off";

/** What the worker loads. Sent once, as its first message. */
export type EngineOptions = {
  readonly modelPath: string;
  /** The LoRA adapter of all its sequences. */
  readonly adapterPath?: string;
  /** How many sequences run at once. */
  readonly slots: number;
  /** The context of each slot, for prompt and output together; `auto` is the model's own, 4,096 at most. */
  readonly contextTokens: number | "auto";
  /** The maximum; `auto` is one for each core that llama.cpp counts for arithmetic. */
  readonly threads: number | "auto";
  /** The share of the processor's cores that `auto` counts, where others of its kind use the rest; 1 if absent. */
  readonly coreShare?: number;
  readonly gpu: GpuChoice;
  readonly flashAttention: FlashAttentionChoice;
  /** Prompts are cut at multiples of this. */
  readonly prefillChunkTokens: number;
  /** How long prompts may delay a decoding step, in ms. A prompt that must be evaluated exactly takes a whole chunk in any case. */
  readonly prefillPauseMs: number;
  /** The share of the time that prompts may take while sequences decode: above 0; 1 means no limit. */
  readonly prefillShare: number;
  /** The size of the prefix store on disk, which keeps what slots discard; 0 turns it off. */
  readonly prefixStoreBytes: number;
  /** Where prefixes are kept after the process has ended; absent means that they are removed with it. */
  readonly keptPrefixes?: KeptPrefixesOptions;
  /** Whether several tokens are guessed and evaluated at once; `auto` does so where it is faster. */
  readonly drafts: "auto" | "off";
  /** Whether to count steps and the time between tokens. */
  readonly countSteps?: boolean;
  /** Whether to read the processors' counters of energy around each native call. */
  readonly measureEnergy?: boolean;
};

export type KeptPrefixesOptions = {
  /** The folder of this model, which other processes may use at the same time. */
  readonly folder: string;
  /** Of all parts of the model, and of its adapter. */
  readonly modelPaths: readonly string[];
  /** Prefixes that were not used for so long are removed. */
  readonly maxAgeMs: number;
};

/** The fields of a request that only the host uses, or that a sequence has in another form. */
type HostPart =
  | ("id" | "model" | "tools" | "output" | "choices" | "sampling" | "promptLogprobs")
  | ("said" | "terms" | "cache" | "cascade" | "journal" | "observe" | "signal");

/**
 * One running completion; a request with n choices has n of them. All fields of the request that `HostPart` doesn't name are sent along,
 * so a field added to the request reaches the worker.
 */
export type SequenceRequest = Omit<GenerationRequest, HostPart> & {
  /** Unique for the life of the host. */
  readonly id: number;
  /** Tenants share the evaluation of prompts fairly. */
  readonly tenant: string;
  readonly priority: Priority;
  /** Of class batch: how long after its arrival it rests at most while others are there; the worker's usual time if absent. */
  readonly restMs?: number;
  /** The tools that the chat template renders. */
  readonly tools?: readonly Tool[];
  readonly sampling: Sampling & { readonly seed: number };
  /**
   * Set if the prompt's tokens are scored: `top` is the number of alternatives per token, `from` the number of tokens that were scored
   * before a crash. Only a request's first sequence has it.
   */
  readonly promptScores?: { readonly top: number; readonly from: number };
  /** The grammar of the output; undefined means any text. */
  readonly grammar?: Grammar;
  /** Whether the client gave the seed. The same request then gets the same text, even if reusing a prefix would be faster. */
  readonly reproducible: boolean;
  /**
   * Tokens that were sampled before a crash. They are evaluated, passed through the detokenizer and the stop matcher, and counted, but
   * neither sampled nor sent again.
   */
  readonly replay: readonly number[];
};

export type HostMessage =
  | { readonly type: "load"; readonly options: EngineOptions }
  | { readonly type: "submit"; readonly sequence: SequenceRequest }
  | { readonly type: "cancel"; readonly id: number }
  /** Asks for the state of the slots. */
  | { readonly type: "look" }
  /** Ids of queries are independent of ids of sequences. */
  | { readonly type: "query"; readonly id: number; readonly query: TextQuery };

/** A query about text, which needs no slot. */
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
  /** The tokens of a generation's prompt. */
  | { readonly type: "read"; readonly prompt: Prompt; readonly tools: readonly Tool[] }
  /** How many tokens a prompt has, and how many of them the engine's KV cache holds. */
  | { readonly type: "price"; readonly prompt: Prompt; readonly tools: readonly Tool[] };

/** What the process for queries about text loads. */
export type VocabularyOptions = Pick<EngineOptions, "modelPath" | "gpu"> & {
  /** The context of each of the engine's slots. */
  readonly contextTokens: number;
};

/** The messages to that process. It gets the next query only after the result of the one before. */
export type VocabularyHostMessage =
  | { readonly type: "load"; readonly options: VocabularyOptions }
  | { readonly type: "query"; readonly id: number; readonly query: Exclude<TextQuery, { readonly type: "price" }> };

const info = z.object({
  slots: count,
  /** The context of each slot, for prompt and output together. */
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
  /** The device that runs the layers: `cpu`, `cuda`, `vulkan` or `metal`. */
  device: z.string(),
  threads: count,
});

/** What the worker reports about the loaded model. */
export type EngineInfo = MessageOf<typeof info>;

const rejection = z.discriminatedUnion("code", [
  z.object({
    code: z.literal("context_length_exceeded"),
    promptTokens: count,
    contextTokens: count,
    /** True if the prompt was too long to be tokenized to its end, so that it has more tokens. */
    atLeast: z.boolean(),
  }),
  z.object({ code: z.literal("unrenderable_prompt"), reason: z.string() }),
  /** `field` is a field of `GenerationRequest`. */
  z.object({ code: z.literal("invalid_sampling"), field: z.string(), reason: z.string() }),
  /** The engine failed with this sequence alone; the client is not at fault. */
  z.object({ code: z.literal("failed"), reason: z.string() }),
]);

/** Why a sequence or a query was refused. */
export type Rejection = MessageOf<typeof rejection>;

const bytes = z.array(z.int().min(0).max(255));
const scored = z.object({ token: count, bytes, logprob: z.number().max(0) });
const sampled = scored.extend({ top: z.array(scored) });
const ofPrompt = sampled.extend({ logprob: z.number().max(0).nullable() });

/** A token's natural log-probability. */
export type ScoredToken = MessageOf<typeof scored>;
/** A sampled token's log-probability, and those of the most likely alternatives. */
export type SampledToken = MessageOf<typeof sampled>;
export type PromptToken = MessageOf<typeof ofPrompt>;

const ms = z.number().min(0);

/** How long one sequence took in the engine, from its submission. */
const times = z.object({
  /** From the submission until it got a slot. */
  waitingMs: ms,
  /** From then until its first token could be sampled, including the time of other sequences. */
  prefillMs: ms,
  /** How many tokens of its prompt were evaluated, rather than taken from the KV cache. */
  prefillTokens: count,
  /** From then until its end. */
  decodeMs: ms,
  /** Without those sampled before a crash. */
  decodeTokens: count,
  /** The time of native calls, each shared among the sequences in it by their tokens. */
  computeMs: ms,
  /** The energy of these calls, shared in the same way, if the machine tells it. */
  joules: z.number().min(0).exactOptional(),
});

const update = z.object({
  id: count,
  /** Set in the sequence's first update. */
  started: z.object({ promptTokens: count, cachedTokens: count }).exactOptional(),
  /** The next scored tokens of the prompt, if requested. */
  promptLogprobs: z.array(ofPrompt).exactOptional(),
  /** The tokens sampled in this step: normally one. */
  tokens: z.array(count),
  /** New text. Empty while a character, or what may be a stop string, is incomplete. */
  text: z.string(),
  /** Log-probabilities of the tokens that `text` completes, if requested. */
  logprobs: z.array(sampled).exactOptional(),
  /** Set in the sequence's last update. Tool calls are recognized elsewhere. */
  finished: z
    .object({
      reason: z.enum(["stop", "length"]),
      completionTokens: count,
      /** The stop string that ended it, if any. */
      stopString: z.string().exactOptional(),
    })
    .exactOptional(),
  /** Set with `finished`. */
  times: times.exactOptional(),
});

/** The news of one sequence after a step. */
export type SequenceUpdate = MessageOf<typeof update>;

// Not checked element by element: a result may have a hundred thousand tokens.
const tokens: z.ZodType<Uint32Array> = z.instanceof(Uint32Array);

const result = z.discriminatedUnion("type", [
  z.object({ type: z.literal("tokens"), tokens }),
  /** `stop` holds the chat template's stop strings, besides the request's own. */
  z.object({ type: z.literal("prompt"), tokens, stop: z.array(z.string()) }),
  z.object({ type: z.literal("text"), text: z.string() }),
  z.object({ type: z.literal("pieces"), pieces: z.array(z.union([z.string(), bytes])) }),
  z.object({ type: z.literal("count"), count }),
  z.object({ type: z.literal("price"), promptTokens: count, cachedTokens: count }),
  z.object({ type: z.literal("rejected"), rejection }),
]);

export type QueryResult = MessageOf<typeof result>;

const queryResult = z.object({ type: z.literal("result"), id: count, result });

const slot = z.object({
  /** Tokens in the KV cache. */
  heldTokens: count,
  /** Absent if no sequence has the slot. */
  sequence: z
    .object({
      id: count,
      /** Evaluated before the first token is sampled. */
      promptTokens: count,
      cachedTokens: count,
      generatedTokens: count,
    })
    .exactOptional(),
});

/** What a slot holds, between two native calls. */
export type SlotReport = MessageOf<typeof slot>;

const workerMessage = z.discriminatedUnion("type", [
  z.object({ type: z.literal("loaded"), info }),
  loadFailed,
  z.object({ type: z.literal("rejected"), id: count, rejection }),
  /** One for each step, with the news of every sequence. */
  z.object({ type: z.literal("step"), updates: z.array(update) }),
  queryResult,
  /** The answer to `look`: all slots in their order. */
  z.object({ type: z.literal("slots"), slots: z.array(slot) }),
  stepsMessage,
  heartbeat,
  logged,
]);

export type WorkerMessage = MessageOf<typeof workerMessage>;

const parseAny = parserOf(workerMessage);

/**
 * Checks a message from an engine's worker. Most are steps with nothing but tokens and text, which are checked here, because zod is paid
 * for with every token: 10 µs more for a step, if the processor has done something else since the last one.
 */
export function parseWorkerMessage(value: unknown): Parsed<WorkerMessage> {
  return isPlainStep(value) ? { message: value } : parseAny(value);
}

type PlainUpdate = Pick<SequenceUpdate, "id" | "tokens" | "text">;

/** Whether the value is a step whose updates have only tokens and text. The schema accepts all of these as they are. */
function isPlainStep(value: unknown): value is { readonly type: "step"; readonly updates: readonly PlainUpdate[] } {
  if (typeof value !== "object" || value === null || !("type" in value && "updates" in value)) return false;
  return value.type === "step" && isArrayOf(value.updates, isPlainUpdate);
}

function isPlainUpdate(value: unknown): value is PlainUpdate {
  if (typeof value !== "object" || value === null) return false;
  if (!("id" in value && "tokens" in value && "text" in value)) return false;
  if (!isCount(value.id) || !isArrayOf(value.tokens, isCount) || typeof value.text !== "string") return false;
  return Object.keys(value).length === 3;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function isArrayOf<Item>(value: unknown, isItem: (item: unknown) => item is Item): value is Item[] {
  if (!Array.isArray(value)) return false;
  // `every` would pass over holes.
  for (const item of value) if (!isItem(item)) return false;
  return true;
}

const vocabularyMessage = z.discriminatedUnion("type", [
  z.object({ type: z.literal("loaded"), info: z.object({ vocabularySize: count }) }),
  loadFailed,
  queryResult,
  logged,
]);

export type VocabularyWorkerMessage = MessageOf<typeof vocabularyMessage>;

/** Checks a message from the process for queries about text. */
export const parseVocabularyMessage = parserOf(vocabularyMessage);
