import type { Prompt, Tool } from "./request.ts";
import type { Priority } from "./terms.ts";

export type TokenizeOptions = {
  /** Whether the token that begins a text goes before it, where the vocabulary wants one. */
  readonly addSpecial: boolean;
  /** Whether control tokens' spellings become control tokens. */
  readonly parseSpecial: boolean;
};

/** A token's own text, or its bytes where they are only part of a character. */
export type Piece = string | readonly number[];

/** Who asks for something that is no generation, such as a question about text, or to have a schema compiled. */
export type Asker = {
  /** The tenant whose turn in the queue it takes. */
  readonly tenant: string;
  /** Undefined is as good as `default`. */
  readonly priority?: Priority;
  /** What is asked must not be sent to another provider. */
  readonly localOnly?: boolean;
  /** Aborted when nobody wants the answer any more. */
  readonly signal?: AbortSignal;
};

/** What a prompt takes to evaluate. */
export type PromptPrice = {
  readonly promptTokens: number;
  /** How many of them are held already, so that they need no evaluation: as things stand, and at most. */
  readonly cachedTokens: number;
};

/**
 * What a model does with text besides generating. All of these wait while the model loads and until it is the asker's turn, and reject with
 * `EngineUnavailableError` when the model is gone, `OverloadedError` when too many wait, `EngineCrashedError` when a process died under them twice,
 * `InvalidSamplingError` when one alone is too much, and the reason of the asker's signal. Without an asker it is the gateway itself that asks.
 */
export type ModelText = {
  tokenize(text: string, options: TokenizeOptions, asker?: Asker): Promise<readonly number[]>;
  /** The tokens' text, control tokens spelled out. Rejects with `InvalidSamplingError` where one is not in the vocabulary. */
  detokenize(tokens: readonly number[], asker?: Asker): Promise<string>;
  /** What each token is made of. Rejects as `detokenize` does. */
  spell(tokens: readonly number[], asker?: Asker): Promise<readonly Piece[]>;
  /** A conversation as the model reads it. Rejects with `UnrenderablePromptError` where the template does not take it. */
  applyTemplate(prompt: Extract<Prompt, { type: "chat" }>, tools?: readonly Tool[], asker?: Asker): Promise<string>;
  /** How many tokens a prompt has, whether or not they fit. Rejects like a generation that goes on from it. */
  countTokens(prompt: Prompt, tools?: readonly Tool[], asker?: Asker): Promise<number>;
  /**
   * What evaluating a prompt would take now. Nothing is evaluated, and what is held stays as it is. Rejects like a generation that goes
   * on from it: with `ContextLengthExceededError` too, where it does not fit.
   */
  price(prompt: Prompt, tools?: readonly Tool[], asker?: Asker): Promise<PromptPrice>;
};
