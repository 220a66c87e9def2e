import type { Prompt, Tool } from "./request.ts";
import type { Priority } from "./terms.ts";

export type TokenizeOptions = {
  /** Whether to add the token that begins a text, if the vocabulary needs one. */
  readonly addSpecial: boolean;
  /** Whether spellings of control tokens become control tokens. */
  readonly parseSpecial: boolean;
};

/** A token's text, or its bytes if they are only part of a character. */
export type Piece = string | readonly number[];

/** The client of work other than a generation, such as counting tokens or compiling a schema. */
export type Asker = {
  /** The tenant whose turn in the queue it uses. */
  readonly tenant: string;
  /** Undefined means `default`. */
  readonly priority?: Priority;
  /** The request must not be sent to an upstream that is not local. */
  readonly localOnly?: boolean;
  /** Aborted when nobody wants the answer any more. */
  readonly signal?: AbortSignal;
};

/** The work to evaluate a prompt. */
export type PromptPrice = {
  readonly promptTokens: number;
  /** The tokens that need no evaluation because they are held already: the current maximum. */
  readonly cachedTokens: number;
};

/**
 * A model's functions for text, besides generating. All wait until the model has loaded and the asker has its turn. They reject with
 * `EngineUnavailableError` if the model is gone, `OverloadedError` if too many wait, `EngineCrashedError` if they killed a process twice,
 * `InvalidSamplingError` if the input is too large, and the reason of the asker's signal. Without an asker the gateway itself asks.
 */
export type ModelText = {
  tokenize(text: string, options: TokenizeOptions, asker?: Asker): Promise<readonly number[]>;
  /** Returns the tokens' text, with control tokens spelled out. Rejects with `InvalidSamplingError` if one is not in the vocabulary. */
  detokenize(tokens: readonly number[], asker?: Asker): Promise<string>;
  /** Returns each token's text or bytes. Rejects like `detokenize`. */
  spell(tokens: readonly number[], asker?: Asker): Promise<readonly Piece[]>;
  /** Renders a conversation. Rejects with `UnrenderablePromptError` if the template does not accept it. */
  applyTemplate(prompt: Extract<Prompt, { type: "chat" }>, tools?: readonly Tool[], asker?: Asker): Promise<string>;
  /** Counts a prompt's tokens, even if they don't fit. Rejects like a generation from it. */
  countTokens(prompt: Prompt, tools?: readonly Tool[], asker?: Asker): Promise<number>;
  /**
   * Returns the current price of a prompt, without evaluating it or changing what is held. Rejects like a generation from it, also with
   * `ContextLengthExceededError` if it doesn't fit.
   */
  price(prompt: Prompt, tools?: readonly Tool[], asker?: Asker): Promise<PromptPrice>;
};
