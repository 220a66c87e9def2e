import type { GenerationRequest } from "../generation/request.ts";
import type { Answer, Label, StoredEntry } from "./store.ts";

/** A request that memory has no usable answer for, and the key of its answer. */
export type Sought = {
  readonly key: string;
  readonly label: Label;
  readonly request: GenerationRequest;
};

/**
 * A place where an answer may be that is not in memory. Tiers are asked one after another, after memory has none that will do and before
 * anything is generated, and only for requests that take stored answers. Requests with the same key share one look-up.
 */
export type Tier = {
  /** What `Cache-Status` calls it, in `detail`: `REMOTE`. */
  readonly name: string;
  /** Whether it is asked for this request. Called for every request that memory has nothing for, so it is quick. */
  readonly takes: (request: GenerationRequest) => boolean;
  /**
   * An answer, or undefined where there is none. Whether it is young enough is looked at by the caller. It takes a bounded time by itself; what
   * it throws counts as nothing found.
   *
   * @param signal aborted when nobody waits for it any more
   */
  readonly find: (sought: Sought, signal: AbortSignal) => Promise<Answer | undefined>;
  /** Hears of each answer that was generated here and stored in memory. It returns at once and never throws. */
  readonly keep?: (sought: Sought, entry: StoredEntry) => void;
};
