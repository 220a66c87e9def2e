/** Who said a message. OpenAI's `developer` arrives here as `system`: the open models' templates know no other. */
export type MessageRole = "system" | "user" | "assistant" | "tool";

export type Message = {
  readonly role: MessageRole;
  readonly content: string;
  /** The participant's name, for the templates that render one. */
  readonly name?: string;
};

/** How the next token is drawn. Every field is always set: defaults are the protocol's business. */
export type Sampling = {
  /** 0 takes the most likely token; otherwise the logits are divided by it. */
  readonly temperature: number;
  /** Nucleus: the smallest set of tokens with this probability together. 1 is off. */
  readonly topP: number;
  /** Only the k most likely tokens. 0 is off. */
  readonly topK: number;
  /** Only tokens at least this likely, relative to the most likely. 0 is off. */
  readonly minP: number;
  /** llama.cpp's repetition penalty over the last 64 tokens, prompt included. 1 is off. */
  readonly repeatPenalty: number;
  /** OpenAI's: subtracted once from the logit of every token generated before. 0 is off. */
  readonly presencePenalty: number;
  /** OpenAI's: subtracted from the logit for each time the token was generated before. 0 is off. */
  readonly frequencyPenalty: number;
  /** Added to a token's logit; −100 or less bans it. */
  readonly logitBias: readonly (readonly [token: number, bias: number])[];
  /** A uint32. The same seed and the same request give the same text; undefined draws a fresh one. */
  readonly seed: number | undefined;
};

/**
 * What to generate, in no protocol's words. Everything from here to the engine sees only this.
 */
export type GenerationRequest = {
  /** The request's id, as in `x-request-id`: for logs and traces, never part of the answer's text. */
  readonly id: string;
  /** The model's id, after aliases were resolved. */
  readonly model: string;
  readonly messages: readonly Message[];
  /** How many independent answers (`n`), at least 1. */
  readonly choices: number;
  /** At most so many tokens for each choice; undefined is until the context is full. */
  readonly maxTokens: number | undefined;
  /** The text ends before any of these. */
  readonly stop: readonly string[];
  readonly sampling: Sampling;
  /** Aborted when nobody wants the answer any more; everything that the request held is freed at once. */
  readonly signal: AbortSignal;
};
