import type { PromptLogprob, SampledLogprob } from "./event.ts";
import type { Spent } from "./news.ts";

/** What an engine said for one choice at once, with the tokens behind it. */
export type JournalStep = {
  readonly choice: number;
  readonly tokens: readonly number[];
  readonly text: string;
  readonly logprobs?: readonly SampledLogprob[];
  readonly promptLogprobs?: readonly PromptLogprob[];
  /** Set once, in a request's first step. */
  readonly started?: { readonly promptTokens: number; readonly cachedTokens: number };
  /** Set in a choice's last step. */
  readonly finished?: {
    readonly reason: "stop" | "length";
    readonly completionTokens: number;
    readonly stopString?: string;
  };
};

/** Writes down what an engine says for one request, so that another process can go on from there. */
export type Journal = {
  /** Takes the place of a random seed. */
  readonly seed: number;
  /** What an earlier process has charged the request's key with; undefined for nothing. */
  readonly charged?: Spent | "all" | undefined;
  /**
   * The engine begins with a request. Returns what an earlier process wrote, which the engine says again before it goes on. Throws
   * `JournalError` if that began with another request.
   *
   * @param print stands for all that the answer depends on
   */
  readonly begin: (print: string) => readonly JournalStep[];
  readonly note: (step: JournalStep) => void;
  /** Returns 64 hexadecimal digits for an id: the same for the nth call with this name in every process. */
  readonly digits: (name: string) => string;
};
