import type { Embed } from "./embedding.ts";
import { NotSupportedByModelError } from "./errors.ts";
import type { Generate } from "./layer.ts";
import type { ModelText } from "./model.ts";
import type { Settle } from "./settle.ts";

/**
 * `unloaded`: it holds nothing and is made ready by `load`. `loading`: it is made ready. `restarting`: it failed and comes back by itself.
 * `unloading`: it lets go of what it holds. `failed`: it could not be made ready; it is tried again after a while, or by `load`.
 */
export const BACKEND_STATES = ["unloaded", "loading", "ready", "restarting", "unloading", "failed"] as const;

export type BackendState = (typeof BACKEND_STATES)[number];

/** What a model can do through its backend. */
export type Capabilities = {
  /** Writes text. */
  readonly text: boolean;
  /** Was made for conversations. */
  readonly chat: boolean;
  /** Writes what belongs between two texts. False as long as that is not known. */
  readonly infill: boolean;
  /** Takes tools and answers with calls. */
  readonly tools: boolean;
  /** Holds its answers to a schema, a pattern or a grammar. */
  readonly schemas: boolean;
  /** Tells the log-probabilities of tokens. */
  readonly logprobs: boolean;
  /** Makes vectors. */
  readonly embeddings: boolean;
  /** Scores documents. */
  readonly reranking: boolean;
  /** Answers questions about text and tokens: has `text`. */
  readonly tokenizing: boolean;
};

/** A model's properties, for lists of models. Unknown ones are absent. */
export type BackendDetails = {
  /** The kind of network, such as `llama` or `gemma3`. */
  readonly family?: string;
  /** Such as `Q4_K_M`. */
  readonly quantization?: string;
  readonly parameters?: number;
  /** Bytes of its weights. */
  readonly sizeBytes?: number;
  /** The hash of its weights. */
  readonly sha256?: string;
  /** Tokens for one request, prompt and answer together. */
  readonly contextTokens?: number;
  /** What it was trained for. */
  readonly trainContextTokens?: number;
  readonly vocabularySize?: number;
  /** Numbers in one embedding. */
  readonly embeddingSize?: number;
  /** Requests that it works on at once. */
  readonly slots?: number;
  readonly chatTemplate?: string;
  /** The spellings of the tokens that begin and end a text. */
  readonly beginText?: string;
  readonly endText?: string;
};

/** How much a backend has to do. */
export type Workload = {
  readonly waiting: number;
  readonly running: number;
  /** When the first token of a short request that came now is likely to come, in ms; undefined where nothing was measured. */
  readonly firstTokenMs: number | undefined;
};

/**
 * What answers for one model: an engine on this machine, or another server. It is plain data and functions, and can be copied with other
 * fields. What it can't do is absent, and `can` says so before anything is asked.
 */
export type Backend = {
  /** The name in `GET /v1/models` and in answers. May hold slashes and colons, such as `owner/repo:Q4_K_M`. */
  readonly id: string;
  /** Further names that requests may use. */
  readonly aliases: readonly string[];
  /** When the model came here, in Unix seconds. */
  readonly createdUnixSeconds: number;
  readonly ownedBy: string;
  readonly can: Capabilities;
  readonly state: () => BackendState;
  /** Calls `listener` after each change of the state, until the function that it returns is called. */
  readonly onStateChange?: (listener: (state: BackendState) => void) => () => void;
  /** Undefined where nobody counts. */
  readonly workload: () => Workload | undefined;
  /**
   * Changes with everything that changes the answers to the same request. Undefined where answers must not be stored, or where it is
   * not known yet.
   */
  readonly identity: () => string | undefined;
  readonly details: () => BackendDetails;
  /** Absent where the model writes no text. Takes requests while the backend is made ready: they wait. */
  readonly generate?: Generate;
  /** As `generate`, up to `started`: how long the prompt is, evaluated by nobody. */
  readonly measure?: Generate;
  /** As `generate`, up to `started`: what evaluating the prompt would take. Throws what a generation throws, where the prompt does not fit too. */
  readonly price?: Generate;
  /** The request as the model would get it, tools and calls in its own form. */
  readonly settle?: Settle;
  /** Questions about text that need no generation. */
  readonly text?: ModelText;
  /** Makes vectors and, with a reranker, scores. */
  readonly embed?: Embed;
  /** Makes it ready. Rejects with what hinders. Resolves at once where it is ready. */
  readonly load?: () => Promise<void>;
  /** Lets go of what it holds, until `load` or the next request. */
  readonly unload?: () => Promise<void>;
  /** Ends it for good. What still runs fails with `EngineUnavailableError`. */
  readonly close?: () => Promise<void>;
};

/** What of a backend may be absent. */
export type BackendPart = "generate" | "measure" | "price" | "settle" | "text" | "embed";

/** That part of `backend`. Throws `NotSupportedByModelError` where it has none. */
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
  // A model that writes nothing lacks that first of all.
  return text && part !== "generate" ? "tokenizing" : "text";
}
