import type { CacheNews, Served } from "./cache.ts";
import type { Confidence } from "./confidence.ts";
import type { GenerationRequest } from "./request.ts";

/** A request's news of its wait. */
export type WaitNews =
  | {
      readonly type: "waiting";
      /** Its likely position in the order of turns: 1 is the next. */
      readonly position: number;
      /** The expected time to its first token, in ms from now. */
      readonly etaMs: number;
      /** Set while it waits for the model to be loaded, which `etaMs` counts. */
      readonly isLoading?: boolean;
    }
  | {
      readonly type: "admitted";
      /** How long it waited for its turn, in ms. */
      readonly waitedMs: number;
      /** Its position when it arrived; 0 if it didn't wait. */
      readonly position: number;
    };

/** The tokens of a generation. */
export type Spent = { readonly prompt: number; readonly cached: number; readonly completion: number };

/** The work for one choice in an engine; if it continued after a restart, since then. */
export type Evaluation = {
  /** The wait for a slot. */
  readonly waitingMs: number;
  /** From then until its first token could be sampled. */
  readonly prefillMs: number;
  /** The prompt's tokens that were evaluated, because they were not held already. */
  readonly prefillTokens: number;
  /** From then to its end. */
  readonly decodeMs: number;
  readonly decodeTokens: number;
  /** The time of the native calls, each shared among the sequences in it by their tokens. */
  readonly computeMs: number;
  /** The energy of these calls, shared in the same way; absent if it isn't measured. */
  readonly joules?: number;
};

/** What became of one target of a route for one request. */
export type RouteStep = {
  /** The model's id, or its name in the settings if it is not served. */
  readonly target: string;
  /** `asked`: its answer has not begun. `failed`: it was asked, and another was after it. `excluded`: it can't be asked. `spare`: it was not asked. */
  readonly outcome: "answered" | "asked" | "failed" | "excluded" | "spare";
  /** A word for the failure, for what excluded it, or for what put it behind others. */
  readonly reason?: string;
  /** Its predicted time to the first token, in ms. */
  readonly firstTokenMs?: number;
  /** How sure it is of its answer, if that was asked. */
  readonly confidence?: Confidence;
};

/** What a route has done with a request so far. */
export type RouteNews = {
  readonly type: "routed";
  readonly route: string;
  /** The target that answers, or was asked last, comes first; the others follow in their order. */
  readonly steps: readonly RouteStep[];
};

/** The target that answers, or is asked; undefined if none could be. */
export function targetOf({ steps }: RouteNews): string | undefined {
  return steps.find(({ outcome }) => outcome === "answered" || outcome === "asked")?.target;
}

/** What became of one try of a request at another server. `left`: the reader left. */
export type TryOutcome = "answered" | "refused" | "busy" | "failed" | "left";

/** A try of a request at another server: its answer has begun, or there will be none. */
export type TryNews = {
  readonly type: "tried";
  /** The server's name in the settings. */
  readonly upstream: string;
  readonly outcome: TryOutcome;
  /** The status that a failure stands for, which the server need not have sent. */
  readonly status?: number | undefined;
  /** How many tries there were before. */
  readonly earlier: number;
  readonly tookMs: number;
  /** The id of its span, if the server was told of one. */
  readonly spanId?: string | undefined;
};

/** News of a request apart from its events, from any layer or the engine. */
export type News =
  /** Its key's limits have admitted it. */
  | { readonly type: "accepted" }
  /** At most once a second while it waits, and once when its turn comes. */
  | WaitNews
  /** How the response cache handled it, before the first event. */
  | {
      readonly type: "cache";
      readonly outcome: CacheNews;
      /** Set for a fresh answer from memory that isn't paced: the stored answer, and the request as the cache received it. */
      readonly served?: Served & { readonly request: GenerationRequest };
    }
  /** What its route has chosen: once that is clear, and whenever it changes. */
  | RouteNews
  /** An upstream is asked again after a pause: it answered with this status, or couldn't be reached. */
  | {
      readonly type: "retrying";
      readonly upstream: string;
      readonly status: number | undefined;
      readonly pauseMs: number;
    }
  /** Its answer broke off, and this target continues it. */
  | { readonly type: "continued"; readonly target: string }
  | TryNews
  /** A choice has ended after this work in the engine. */
  | { readonly type: "evaluated"; readonly choice: number; readonly evaluation: Evaluation }
  /** This target of its route has worked on it too: its answer was not used, and another one's is. */
  | { readonly type: "discarded"; readonly target: string; readonly spent: Spent; readonly told?: number }
  /** The reader left; these tokens were in no event. */
  | { readonly type: "left"; readonly spent: Spent };

/** Receives the news of one request. It must not throw, and must be fast: it runs between two tokens of others. */
export type Observe = (news: News) => void;
