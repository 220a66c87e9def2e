import type { EmbeddingItem } from "../generation/embedding.ts";
import type { GenerationEvent, Usage } from "../generation/event.ts";
import type { GenerationRequest } from "../generation/request.ts";
import type { Source } from "./failures.ts";
import type { Kind } from "./kinds.ts";
import type { UpstreamMessage } from "./messages.ts";

/** Whom a request is written for. */
export type Target = {
  readonly kind: Kind;
  /** The upstream's name of the model. */
  readonly model: string;
  /** Tokens of prompt and answer together, where known. */
  readonly contextTokens: number | undefined;
  /** Keeps the requests of one conversation together. */
  readonly session: string | undefined;
};

/** Where a request goes, after the prefix, and what it says. */
export type WrittenRequest = { readonly path: string; readonly body: object | string };

/** Reads one answer. */
export type Reader = {
  /** What a message comes to. Throws `UpstreamError` for one that tells of a failure, and zod's error for one that can't be read. */
  readonly note: (message: UpstreamMessage) => GenerationEvent[];
  /** Whether enough has come for an answer; otherwise it was cut off. */
  readonly isComplete: () => boolean;
  /** Whether nothing else will come. */
  readonly isLast: () => boolean;
  /** Counts the characters of messages that were passed on without being read. */
  readonly skip: (characters: number) => void;
  /** The usage that the server has told so far. */
  readonly told: () => Usage | undefined;
  /** The last events. */
  readonly end: () => GenerationEvent[];
};

/** One of the APIs that upstreams speak. */
export type Api = {
  /** Whether one request may ask for several choices; otherwise each is asked for on its own. */
  readonly hasChoices: boolean;
  /** Throws `UnsupportedFieldError` for what it has no words for. */
  readonly write: (request: GenerationRequest, target: Target) => WrittenRequest;
  readonly read: (request: GenerationRequest, source: Source) => Reader;
  readonly writeEmbedding?: (items: readonly EmbeddingItem[], target: Target) => WrittenRequest;
  /** The tokens that an answer with vectors tells of. Throws zod's error for one that has no vectors. */
  readonly countEmbedded?: (data: unknown) => number;
  readonly readEmbedding?: (data: unknown) => { vectors: readonly (readonly number[])[]; tokens: number };
};
