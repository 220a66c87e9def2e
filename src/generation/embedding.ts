import { GenerationError } from "./errors.ts";
import type { Observe } from "./news.ts";
import type { Terms } from "./terms.ts";

/** One thing that gets a vector, or a score. */
export type EmbeddingItem =
  /** Control tokens' spellings stay text. */
  | { readonly type: "text"; readonly text: string }
  /** Taken as they are, with nothing added before or after. */
  | { readonly type: "tokens"; readonly tokens: readonly number[] }
  /** For a reranker: its vector is one number from 0 to 1, how well the document answers the query. */
  | { readonly type: "pair"; readonly query: string; readonly document: string };

export type EmbeddingRequest = {
  readonly id: string;
  /** The model's id, after aliases were resolved. */
  readonly model: string;
  readonly items: readonly EmbeddingItem[];
  /** How many numbers of each vector will be used; undefined for all. More than the model has are refused. */
  readonly dimensions: number | undefined;
  /** Undefined is `OWN_TERMS`. */
  readonly terms?: Terms;
  /** Hears what happens to the request. */
  readonly observe?: Observe;
  readonly signal: AbortSignal;
};

export type EmbeddingResult = {
  /** One for each item, in order: the model's whole vector, not normalised. */
  readonly vectors: readonly Float32Array[];
  /** All items' tokens, those that the model wants at the ends included. */
  readonly tokens: number;
};

/**
 * Makes the vectors. Throws `EmbeddingRefusedError` when an item can't have one, `OverloadedError`, `EngineCrashedError`,
 * `EngineUnavailableError`, or the signal's reason.
 */
export type Embed = (request: EmbeddingRequest) => Promise<EmbeddingResult>;

/** One behaviour around the making of vectors, as `Layer` is around a generation. */
export type EmbedLayer = (request: EmbeddingRequest, next: Embed) => Promise<EmbeddingResult>;

/** Wraps `backend` in `layers`; the first is the outermost. */
export function composeEmbed(layers: readonly EmbedLayer[], backend: Embed): Embed {
  return layers.reduceRight<Embed>((next, layer) => (request) => layer(request, next), backend);
}

/** Why an item gets no vector. */
export type EmbeddingRefusal =
  | {
      readonly code: "too_long";
      readonly tokens: number;
      readonly contextTokens: number;
      /** The item was not counted to its end. */
      readonly atLeast: boolean;
    }
  /** The item has no tokens. */
  | { readonly code: "empty" }
  | { readonly code: "unknown_token"; readonly token: number; readonly vocabularySize: number }
  | { readonly code: "too_many_dimensions"; readonly modelDimensions: number }
  /** A pair for a model that scores none. */
  | { readonly code: "not_a_reranker" }
  /** A text for a model that only scores pairs. */
  | { readonly code: "only_a_reranker" };

/** The model can't make a vector of what was sent. The protocols put it into words that name the field. */
export class EmbeddingRefusedError extends GenerationError {
  readonly code = "embedding_refused";
  /** Which item. */
  readonly index: number;
  readonly refusal: EmbeddingRefusal;

  constructor(index: number, refusal: EmbeddingRefusal) {
    super(`The model can't make a vector of item ${index}: ${refusal.code}.`);
    this.index = index;
    this.refusal = refusal;
  }
}
