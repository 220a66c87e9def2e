/** The reason that a request was not answered by the cache, in the terms of RFC 9211, section 2.2. */
export type ForwardReason =
  /** It doesn't use the cache. */
  | "bypass"
  | "miss"
  /** There was a fresh answer, but the request excluded it. */
  | "request"
  /** The stored answer was too old. */
  | "stale";

/** How the cache handled a request. */
export type CacheNews =
  | {
      readonly type: "hit";
      /** The answer's age. */
      readonly ageSeconds: number;
      /** The remaining time in which it is fresh; negative if it is stale and being renewed. */
      readonly ttlSeconds: number;
      /** The name of the level with the answer; undefined for memory. */
      readonly detail?: string;
    }
  | {
      readonly type: "forward";
      readonly reason: ForwardReason;
      /** Whether the complete answer will be stored. */
      readonly stored: boolean;
      /** Whether it shares the generation of an earlier request. */
      readonly collapsed: boolean;
    }
  /** It accepted only a stored answer, and there is none. */
  | { readonly type: "none" };

/** A stored answer that has served a request. */
export type Served = {
  readonly key: string;
  /** The identity of the model, which is part of the key. */
  readonly identity: string;
  /** Stands for the stored answer: one that is stored later under the same key has another. */
  readonly answer: object;
};

/**
 * A request that asks again, byte for byte, for what a stored answer has served. Its prompt is not read again, and is empty; of the events it
 * gets the first only.
 */
export type Repeat = {
  /** The estimate of its tokens, for the limits of its key. */
  readonly tokens: number;
  readonly ageSeconds: number;
  readonly ttlSeconds: number;
};

/**
 * The answers to store if the request's `Cache-Control` doesn't decide: only deterministic ones, with temperature 0 or a seed; all; or none.
 */
export const KEPT_ANSWERS = ["determined", "always", "never"] as const;

type KeptAnswers = (typeof KEPT_ANSWERS)[number];

/** The `detail` of an answer to another text with the same meaning. */
export const SEMANTIC_DETAIL = "SEMANTIC";

/** The conditions for using the answer to another text. */
export type SemanticWish = {
  /** The user's message, the only part that may differ. */
  readonly text: string;
  /** The id of the model that embeds the texts; undefined for the request's own model. */
  readonly model?: string;
  /** The minimum cosine of the vectors; 0 turns the check off. */
  readonly minSimilarity: number;
  /** The minimum probability, by the request's own model, that the texts ask for the same; 0 turns the check off. */
  readonly minAgreement: number;
  /** The time limit for the models, in ms. */
  readonly timeoutMs: number;
};

/** A request's settings for the response cache. The first five are `Cache-Control`'s directives of RFC 9111, section 5.2.1, and RFC 5861. */
export type CacheWish = {
  /** Accepts no stored answer; its own is stored. */
  readonly noCache?: boolean;
  /** Neither reads nor writes the cache. */
  readonly noStore?: boolean;
  /** The maximum age of an answer. Above 0 it overrides `answers`: any answer may be stored and used. */
  readonly maxAgeSeconds?: number;
  /** Accepts only a stored answer; otherwise it ends with `NotCachedError`. */
  readonly onlyIfCached?: boolean;
  /** Accepts an answer that has been stale for at most this long, while a new one is generated for later requests. */
  readonly staleWhileRevalidateSeconds?: number;
  /** Sends a stored answer at the pace of its generation, otherwise as fast as it is read. */
  readonly isPaced?: boolean;
  /** The client gets the answer as a whole: unless it is paced, the events of a stored one may be joined. */
  readonly isWhole?: boolean;
  /** Its answer is for every tenant; otherwise only for its own. */
  readonly isPublic?: boolean;
  /** Undefined means `determined`. */
  readonly answers?: KeptAnswers;
  /** How long its answer is fresh; undefined means the cache's default. */
  readonly freshSeconds?: number;
  /** The id of its preset. */
  readonly preset?: string;
  /** Undefined if only the same text's answer may be used. */
  readonly semantic?: SemanticWish;
};
