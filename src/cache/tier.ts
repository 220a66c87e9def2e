import type { GenerationRequest } from "../generation/request.ts";
import type { Answer, Label, StoredEntry } from "./store.ts";

/** A request and the key of its answer. */
export type Sought = {
  readonly key: string;
  readonly label: Label;
  readonly request: GenerationRequest;
};

/**
 * Another place to look for an answer. If memory has no usable answer, tiers are asked in order before anything is generated, for requests that
 * accept stored answers. Requests with the same key share one look-up.
 */
export type Tier = {
  /** Its name in `Cache-Status`, in `detail`, such as `REMOTE`. */
  readonly name: string;
  /** Whether to ask it for this request. Called for every miss, so it must be fast. */
  readonly takes: (request: GenerationRequest) => boolean;
  /**
   * Returns an answer, or undefined if there is none. The caller checks its age. Takes a bounded time; an error counts as no answer.
   *
   * @param signal aborted when no request waits any more
   */
  readonly find: (sought: Sought, signal: AbortSignal) => Promise<Answer | undefined>;
  /** Called with each answer that was generated here and stored in memory. Returns at once and never throws. */
  readonly keep?: (sought: Sought, entry: StoredEntry) => void;
};
