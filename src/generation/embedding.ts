import { GenerationError } from "./errors.ts";
import type { Observe } from "./news.ts";
import type { Terms } from "./terms.ts";

/** The input for one vector or one score. */
export type EmbeddingItem =
  /** The spellings of control tokens stay text. */
  | { readonly type: "text"; readonly text: string }
  /** Used as they are, with nothing added. */
  | { readonly type: "tokens"; readonly tokens: readonly number[] }
  /** For a reranker: its vector is one number from 0 to 1, the relevance of the document to the query. */
  | { readonly type: "pair"; readonly query: string; readonly document: string };

export type EmbeddingRequest = {
  readonly id: string;
  /** The model's id, after aliases were resolved. */
  readonly model: string;
  readonly items: readonly EmbeddingItem[];
  /** The dimensions of each vector that will be used; undefined for all. More than the model's are refused. */
  readonly dimensions: number | undefined;
  /** The request's body, JSON of an object, if its model takes that as it came. `items` then only tells its size. */
  readonly passedBody?: string;
  /** Undefined means `OWN_TERMS`. */
  readonly terms?: Terms;
  /** Receives news of the request. */
  readonly observe?: Observe;
  readonly signal: AbortSignal;
};

export type EmbeddingResult = {
  /** One for each item, in order: the model's whole vector, not normalised. */
  readonly vectors: readonly Float32Array[];
  /** To a request with a `passedBody`: the whole answer, JSON in the client's protocol. There are no vectors then. */
  readonly text?: string;
  /** The tokens of all items, including those that the model needs at their ends. */
  readonly tokens: number;
};

/**
 * Makes the vectors. Throws `EmbeddingRefusedError` if an item is invalid, `OverloadedError`, `EngineCrashedError`,
 * `EngineUnavailableError`, or the signal's reason.
 */
export type Embed = (request: EmbeddingRequest) => Promise<EmbeddingResult>;

/** One behaviour around embedding, as `Layer` is around a generation. */
export type EmbedLayer = (request: EmbeddingRequest, next: Embed) => Promise<EmbeddingResult>;

/** Wraps `backend` in `layers`; the first is the outermost. */
export function composeEmbed(layers: readonly EmbedLayer[], backend: Embed): Embed {
  return layers.reduceRight<Embed>((next, layer) => (request) => layer(request, next), backend);
}

/** The reason that an item gets no vector. */
export type EmbeddingRefusal =
  | {
      readonly code: "too_long";
      readonly tokens: number;
      readonly contextTokens: number;
      /** Whether the item has even more tokens, which were not counted. */
      readonly atLeast: boolean;
    }
  /** The item has no tokens. */
  | { readonly code: "empty" }
  | { readonly code: "unknown_token"; readonly token: number; readonly vocabularySize: number }
  | { readonly code: "too_many_dimensions"; readonly modelDimensions: number }
  /** A pair for a model that can't score. */
  | { readonly code: "not_a_reranker" }
  /** A text for a model that only scores pairs. */
  | { readonly code: "only_a_reranker" };

/** The model can't make a vector of an item. The protocols make the message, which names the field. */
export class EmbeddingRefusedError extends GenerationError {
  readonly code = "embedding_refused";
  /** The item's index. */
  readonly index: number;
  readonly refusal: EmbeddingRefusal;

  constructor(index: number, refusal: EmbeddingRefusal) {
    super(`The model can't make a vector of item ${index}: ${refusal.code}.`);
    this.index = index;
    this.refusal = refusal;
  }
}
