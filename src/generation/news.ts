import type { CacheNews } from "./cache.ts";

/** What a request is told of its wait. */
export type WaitNews =
  | {
      readonly type: "waiting";
      /** How many requests are likely to have their turns before it, itself included: 1 is the next. */
      readonly position: number;
      /** When its first token is likely to come, in ms from now. */
      readonly etaMs: number;
    }
  | {
      readonly type: "admitted";
      /** How long it waited for its turn, in ms. */
      readonly waitedMs: number;
      /** Its position when it came; 0 where it had its turn at once. */
      readonly position: number;
    };

/** Tokens that a generation took. */
export type Spent = { readonly prompt: number; readonly cached: number; readonly completion: number };

/** What one choice took in an engine: since the engine's last restart, where it went on after one. */
export type Evaluation = {
  /** Until it had a slot. */
  readonly waitingMs: number;
  /** From then until its first token could be drawn. */
  readonly prefillMs: number;
  /** What of its prompt was evaluated: all that was not held already. */
  readonly prefillTokens: number;
  /** From then to its end. */
  readonly decodeMs: number;
  readonly decodeTokens: number;
};

/** What happens to a request apart from its events. Any layer, and the engine, may report it. */
export type News =
  /** The limits of its key have let it in. */
  | { readonly type: "accepted" }
  /** At most once a second while it waits, and once when its turn has come. */
  | WaitNews
  /** What the response cache made of it, before the first event. */
  | { readonly type: "cache"; readonly outcome: CacheNews }
  /** A choice has ended, and took this in the engine. */
  | { readonly type: "evaluated"; readonly choice: number; readonly evaluation: Evaluation }
  /** Nobody reads on, and this was spent that no event told of. */
  | { readonly type: "left"; readonly spent: Spent };

/** Hears the news of one request. It must not throw, and must not take long: it runs between two tokens of others. */
export type Observe = (news: News) => void;
