import type { CostOf } from "./cost.ts";
import type { Embed } from "./embedding.ts";
import { NotSupportedByModelError } from "./errors.ts";
import type { Generate, Layer, Settle } from "./layer.ts";
import type { ModelText } from "./model.ts";
import type { GenerationRequest } from "./request.ts";
import type { StepCounts } from "./step-counts.ts";
import type { Verbatim, WireProtocol } from "./verbatim.ts";
import type { QueuedView, SlotView } from "./view.ts";

/**
 * `unloaded`: uses no memory; `load` makes it ready. `loading`: is being made ready. `restarting`: has failed and restarts by itself.
 * `unloading`: is freeing its memory. `failed`: could not be made ready; tries again later, or with `load`.
 */
export const BACKEND_STATES = ["unloaded", "loading", "ready", "restarting", "unloading", "failed"] as const;

export type BackendState = (typeof BACKEND_STATES)[number];

/** The capabilities of a model through its backend. */
export type Capabilities = {
  /** Writes text. */
  readonly text: boolean;
  /** Answers conversations. */
  readonly chat: boolean;
  /** Fills in the text between two others. False while unknown. */
  readonly infill: boolean;
  /** Accepts tools and answers with calls. */
  readonly tools: boolean;
  /** Enforces a schema, a pattern or a grammar. */
  readonly schemas: boolean;
  /** Returns the log-probabilities of tokens. */
  readonly logprobs: boolean;
  /** Reads images. */
  readonly images: boolean;
  /** Makes vectors. */
  readonly embeddings: boolean;
  /** Scores documents. */
  readonly reranking: boolean;
  /** Answers questions about text and tokens: has `text`. */
  readonly tokenizing: boolean;
};

/** A model's properties, for lists of models. Unknown ones are absent. */
export type BackendDetails = {
  /** The architecture, such as `llama` or `gemma3`. */
  readonly family?: string;
  /** Such as `Q4_K_M`. */
  readonly quantization?: string;
  readonly parameters?: number;
  /** The size of its weights. */
  readonly sizeBytes?: number;
  /** The id of the model that it is an adapter of. */
  readonly parent?: string;
  /** The hash of its weights. */
  readonly sha256?: string;
  /** The maximum tokens of a request, prompt and answer together. */
  readonly contextTokens?: number;
  /** The context that it was trained with. */
  readonly trainContextTokens?: number;
  readonly vocabularySize?: number;
  /** The dimensions of an embedding. */
  readonly embeddingSize?: number;
  /** The number of sequences that run at once. */
  readonly slots?: number;
  readonly chatTemplate?: string;
  /** The spellings of the tokens that begin and end a text. */
  readonly beginText?: string;
  readonly endText?: string;
};

/** A backend's load. */
export type Workload = {
  readonly waiting: number;
  readonly running: number;
  /** The expected time to the first token of a short new request, in ms; undefined without measurements. */
  readonly firstTokenMs: number | undefined;
};

/** What this gateway itself has in hand for a model. Nobody else is asked, so it costs nothing. */
export type Occupancy = {
  /** Admitted requests that wait for their turn. */
  readonly waiting: number;
  readonly running: number;
  /** Sequences that run now, and that can. */
  readonly slots?: { readonly used: number; readonly all: number };
  /** Tokens of running sequences, and those for which all slots have room; absent where another server holds them, and before the model has loaded. */
  readonly kv?: { readonly heldTokens: number; readonly roomTokens: number };
  /** The expected time to the first token of a short new request, by what was measured here, in ms; undefined without measurements. */
  readonly firstTokenMs: number | undefined;
  /** Refused requests that came back when they were told to: how many were then admitted, and how many refused again. */
  readonly returns?: Returns;
};

/** Whose word a time is: a tenant's for itself, or an administrator's for all. */
export type KeptBy = { readonly tenant: string; readonly isForAll: boolean };

/** What became of refused requests that came back when they were told to. */
export type Returns = { readonly admitted: number; readonly refused: number };

/** A loaded model's place in this machine's memory. */
export type Residence = {
  /** What its processes take, as measured or, before it has served a request, as estimated. */
  readonly memoryBytes: number;
  /** In how many ms it is unloaded if no request comes; absent if it stays or is in use. */
  readonly unloadInMs?: number;
  /** Whether it is not unloaded to make room for another model either; absent means it may be. */
  readonly isPinned?: boolean;
};

/** `closed` lets all requests through, `open` none, `trying` one at a time. */
export type BreakerView = { readonly state: "closed" | "open" | "trying"; readonly retryAfterMs: number };

/** The processes of a model that has several, each of which could answer alone. */
export type Replicas = {
  readonly states: () => readonly BackendState[];
  /** Calls `listener` after each change of one's state, until the function that it returns is called. */
  readonly onStateChange: (listener: (state: BackendState) => void) => () => void;
};

/** How the batches of another server get a model's requests. */
type BatchWords = {
  /** What it calls the model. */
  readonly model: string;
  /** The body of a request that is passed on as it came. @param maxTokens the length that its answer may have */
  readonly write: (verbatim: Verbatim, maxTokens: number | undefined) => string;
};

/** Another server, behind a backend. */
type UpstreamPlace = {
  /** Its name in the settings. */
  readonly name: string;
  /** The kind of server that it is, in the settings' words. */
  readonly kind: string;
  /** How its batches get requests; absent if it gets none in batches. */
  readonly batch?: BatchWords;
  /** The id of the gateway that it is, if it is one and has told. */
  readonly gatewayId: () => string | undefined;
  /** Whether requests that must stay local may go there, as the operator says. */
  readonly isLocal: boolean;
  /** What keeps requests away while it fails, and for how long, in ms; absent if nothing does. */
  readonly breaker?: () => BreakerView;
};

/**
 * Answers requests for one model: an engine on this machine, or another server. It is plain data and functions, and can be copied with other
 * fields. Unsupported functions are absent, and `can` tells which.
 */
export type Backend = {
  /** The server that answers; absent where that is this machine's own engine. */
  readonly upstream?: UpstreamPlace;
  /** The name in `GET /v1/models` and in answers. May contain slashes and colons, such as `owner/repo:Q4_K_M`. */
  readonly id: string;
  /** Further names that requests may use. */
  readonly aliases: readonly string[];
  /** Other versions of it, which are found by ids of their own and are not listed. */
  readonly versions?: readonly Backend[];
  /** When the model was added, in Unix seconds. */
  readonly createdUnixSeconds: number;
  readonly ownedBy: string;
  readonly can: Capabilities;
  readonly state: () => BackendState;
  /** Whether it comes and goes, so that requests are welcome while it is loaded or unloaded, too: they wait for it. False if absent. */
  readonly comesAndGoes?: () => boolean;
  /** Calls `listener` after each change of the state, until the function that it returns is called. */
  readonly onStateChange?: (listener: (state: BackendState) => void) => () => void;
  /** Absent if there is only one process, or it is another server's. */
  readonly replicas?: Replicas;
  /** Undefined if unknown. */
  readonly workload: () => Workload | undefined;
  /** Absent if nothing is counted here, such as for a route. */
  readonly occupancy?: () => Occupancy;
  /** The requests in its queue and past it, the next turn first, at most `most` of them. Absent without a queue. */
  readonly queued?: (most: number) => readonly QueuedView[];
  /** Its slots, as they are between two steps; none unless it is ready. Absent where another server has them. */
  readonly slots?: () => Promise<readonly SlotView[]>;
  /** What the steps of its engine on this machine were; undefined before the first, and if they are not counted. */
  readonly steps?: () => StepCounts | undefined;
  /** The expected time to the first token of this request, in ms. Absent if nothing is more precise than `workload`. */
  readonly predictMs?: (request: GenerationRequest) => number;
  /**
   * Changes with everything that affects the answers to a request. Undefined if answers must not be stored, or if it is not known yet.
   */
  readonly identity: () => string | undefined;
  readonly details: () => BackendDetails;
  /** What work costs there; absent if nothing is known of it. */
  readonly costOf?: CostOf;
  /** Absent if the model writes no text. While the backend is being made ready, requests wait. */
  readonly generate?: Generate;
  /** Whether it takes requests with this body as they came (`verbatim`). Absent if it never does. */
  readonly passes?: (protocol: WireProtocol, body: Readonly<Record<string, unknown>>) => boolean;
  /**
   * Only of a route: answers through `next`, each time with one of its targets as the model. `generate` does the same by itself. A model with two
   * versions has it, too, and is one of its own targets.
   */
  readonly answerThrough?: Layer;
  /** Like `generate`, up to `started`: counts the prompt's tokens without evaluating it. */
  readonly measure?: Generate;
  /** Like `generate`, up to `started`: the price of evaluating the prompt. Throws the same errors, also if the prompt doesn't fit. */
  readonly price?: Generate;
  /** Returns the request as the model would get it, with tools and calls in its own form. */
  readonly settle?: Settle;
  /** Questions about text that need no generation. */
  readonly text?: ModelText;
  /** Makes vectors and, with a reranker, scores. */
  readonly embed?: Embed;
  /** Makes it ready. Rejects with the error if that fails. */
  readonly load?: () => Promise<void>;
  /** Frees its memory, until `load` or the next request. */
  readonly unload?: () => Promise<void>;
  /**
   * Changes how long it stays loaded without requests, until it is unloaded; undefined means for ever. It stays as long as it is to stay for
   * anyone who has used it, unless an administrator says so for all. Does nothing to a model that stays loaded by the settings.
   */
  readonly keepLoaded?: (ms: number | undefined, by: KeptBy) => void;
  /** Keeps it loaded, whatever needs its room, or no longer. One that the settings pin stays so. Absent if it takes no memory here. */
  readonly pin?: (isPinned: boolean) => void;
  /** Undefined while it is not loaded. Absent if it takes no memory here. */
  readonly residence?: () => Residence | undefined;
  /** Stops it for good. Running requests fail with `EngineUnavailableError`. */
  readonly close?: () => Promise<void>;
};

/** The functions of a backend that may be absent. */
export type BackendPart = "generate" | "measure" | "price" | "settle" | "text" | "embed";

/** Returns a function of `backend`. Throws `NotSupportedByModelError` if it is absent. */
export function partOf<Part extends BackendPart>(
  backend: Pick<Backend, "id" | "can" | Part>,
  part: Part,
): NonNullable<Backend[Part]> {
  const found: Backend[Part] = backend[part];
  if (found === undefined) throw new NotSupportedByModelError(backend.id, lackOf(part, backend.can));
  return found;
}

function lackOf(part: BackendPart, { text }: Capabilities): keyof Capabilities {
  if (part === "embed") return "embeddings";
  // For a model that writes no text, that is the reason to report.
  return text && part !== "generate" ? "tokenizing" : "text";
}
