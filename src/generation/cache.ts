/** Why a request was not answered by the cache, in the words of RFC 9211, section 2.2. */
export type ForwardReason =
  /** It takes no part in the cache. */
  | "bypass"
  | "miss"
  /** There was a fresh answer, and the request did not want it. */
  | "request"
  /** There was one that is too old. */
  | "stale";

/** What the cache made of a request. */
export type CacheNews =
  | {
      readonly type: "hit";
      /** How long ago the answer was generated. */
      readonly ageSeconds: number;
      /** How much longer it is fresh; below 0 where it is not, and is being renewed. */
      readonly ttlSeconds: number;
      /** Where the answer was found, in one word; undefined in memory. */
      readonly detail?: string;
    }
  | {
      readonly type: "forward";
      readonly reason: ForwardReason;
      /** Whether the answer is kept when it has come to its end. */
      readonly stored: boolean;
      /** Whether it shares the generation of an earlier request. */
      readonly collapsed: boolean;
    }
  /** It wanted a stored answer or none, and there is none. */
  | { readonly type: "none" };

/**
 * Which answers are kept where the request's `Cache-Control` does not say: those that would come again anyway, by temperature 0 or a seed;
 * all; or none.
 */
export const KEPT_ANSWERS = ["determined", "always", "never"] as const;

type KeptAnswers = (typeof KEPT_ANSWERS)[number];

/** What `detail` says of an answer to another text that asks for the same. */
export const SEMANTIC_DETAIL = "SEMANTIC";

/** On which terms the answer to another text will do. */
export type SemanticWish = {
  /** What the user says: all that may differ. */
  readonly text: string;
  /** The id of the model whose vectors of the texts are compared; undefined for the one that answers. */
  readonly model?: string;
  /** The least cosine of the vectors; at 0 none are made. */
  readonly minSimilarity: number;
  /** How likely the model that answers says that the texts ask for the same; at 0 it is not asked. */
  readonly minAgreement: number;
  /** How long the models may take, in ms. */
  readonly timeoutMs: number;
};

/** What a request asks of the response cache. The first five are `Cache-Control`'s directives, as RFC 9111, section 5.2.1, and RFC 5861 have them. */
export type CacheWish = {
  /** Is not answered from the cache; its answer is stored. */
  readonly noCache?: boolean;
  /** Leaves nothing in the cache, and takes nothing from it. */
  readonly noStore?: boolean;
  /** Takes an answer of this age at most. Above 0, any answer may be stored and taken, whatever `answers` says. */
  readonly maxAgeSeconds?: number;
  /** Takes a stored answer or none: otherwise it ends with `NotCachedError`. */
  readonly onlyIfCached?: boolean;
  /** Takes an answer that is older by so much, while another is generated for those who come later. */
  readonly staleWhileRevalidateSeconds?: number;
  /** A stored answer comes at the pace at which it was generated, otherwise as fast as it is read. */
  readonly isPaced?: boolean;
  /** The answer is put together before anybody sees it: unless it is paced, the pieces of a stored one may come joined. */
  readonly isWhole?: boolean;
  /** Its answer is for every tenant; otherwise for its own alone. */
  readonly isPublic?: boolean;
  /** Undefined is `determined`. */
  readonly answers?: KeptAnswers;
  /** How long its answer is fresh; undefined is as the cache has it. */
  readonly freshSeconds?: number;
  /** The id of the preset that it is made with. */
  readonly preset?: string;
  /** Undefined where only its own answer will do. */
  readonly semantic?: SemanticWish;
};
