import type { SequenceRequest } from "./messages.ts";

/** A model's vocabulary. */
export type Tokenizer = {
  readonly vocabularySize: number;
  /** `parseSpecial` lets the spelling of a control token become that token; otherwise it stays text. Adds no BOS or EOS. */
  tokenize(text: string, parseSpecial: boolean): readonly number[];
  /** The tokens' text, without control tokens unless `showControl`. An incomplete character becomes U+FFFD. */
  detokenize(tokens: readonly number[], showControl?: boolean): string;
  /** One token's bytes, which may be part of a character. A control token has the bytes of its spelling. */
  bytes(token: number): readonly number[];
  /** Whether the token ends the model's output. */
  isEndOfGeneration(token: number): boolean;
};

/** Finds the parts of a text that the tokenizer could take for control tokens. */
export type ControlFinder = {
  /**
   * Splits the text into parts, whose concatenation is the text. Undefined if no part is suspicious. Suspicious parts are the spellings
   * of control tokens and, at both ends of the text, parts of spellings that adjacent text could complete.
   */
  split(text: string): readonly TextPart[] | undefined;
  /**
   * The first position, from `from` on, where the text can be cut without changing its tokens: after a control token. Undefined if there
   * is none.
   */
  cutAfter(text: string, from: number): number | undefined;
};

export type TextPart = { readonly text: string; readonly suspicious: boolean };

/** The tokens for filling in the middle. */
export type InfillTokens = {
  readonly prefix: number;
  readonly suffix: number;
  readonly middle: number;
  /** The tokens before the name of a repository and before the name of each of its files; absent if the model has none. */
  readonly repository?: number;
  readonly file?: number;
};

/** A model's compiled chat template, and the special tokens of its prompts. */
export type ChatTemplate = {
  /** Throws what the template raises, for example for an unsupported role. */
  render(variables: Readonly<Record<string, unknown>>): string;
  /** Finds the spellings of the vocabulary's control tokens, such as `<|im_end|>`. */
  readonly control: ControlFinder;
  /** The token that every text must begin with; undefined if the vocabulary has none. */
  readonly beginToken: number | undefined;
  /** The only token of an empty prompt; undefined if the vocabulary has no BOS token. */
  readonly emptyToken: number | undefined;
  /** Undefined if the model doesn't support filling in the middle. */
  readonly infill: InfillTokens | undefined;
  /** Stop strings of a template that isn't the model's own, besides the model's end tokens. */
  readonly stop: readonly string[];
};

/** The part of a request that affects sampling. */
export type SamplerRequest = Pick<SequenceRequest, "sampling" | "grammar" | "showControlTokens" | "stopTokenIds">;

/** Samples the tokens of one sequence. */
export type Sampler = {
  /**
   * Samples from the logits of the last `decode` at `logitIndex`. It may be called before that `decode` has ended. Resolves to undefined
   * if the grammar allows no further token, or none that the logit bias allows.
   *
   * @param history the tokens generated so far, for penalties. Its length also selects the random number, so that a sequence that is
   *   continued after a crash samples the same tokens
   */
  sample(logitIndex: number, history: readonly number[]): Promise<number | undefined>;
  /** Why the request must fail: sampling took so long that other requests would suffer. Undefined until then. */
  readonly fault?: string | undefined;
  /** Tells the grammar of a token that wasn't sampled here. Called only before the first `sample`. */
  accept(token: number): void;
  dispose(): void;
};

/** A token's natural log-probability over the whole vocabulary, from the unmodified logits. */
export type Score = { readonly token: number; readonly logprob: number };

export type TokenScores = Score & { readonly top: readonly Score[] };

/** Computes the log-probabilities of one sequence's tokens. */
export type Scorer = {
  /**
   * The score of the token, and those of the most likely tokens in descending order. Like `Sampler.sample` it may be called before the
   * decode has ended. The logits must stay until it resolves.
   *
   * @param token the token to score; resolves to undefined if none could be sampled
   */
  score(logitIndex: number, token: Promise<number | undefined>): Promise<TokenScores | undefined>;
  dispose(): void;
};

/** The batch calls of one llama.cpp context. Decodes must not overlap, and the KV cache must not be changed during one. */
export type Batcher = {
  readonly slots: number;
  /** The context of each slot. */
  readonly contextTokens: number;
  /** The size of the largest batch. */
  readonly maxBatchTokens: number;
  /**
   * Begins a batch of exactly this many tokens.
   *
   * @param exact whether its logits must not depend, in their last digits, on which sequences are in the batch
   */
  beginBatch(tokenCount: number, exact: boolean): void;
  /** Adds tokens to the batch. Returns the index of the last token's logits, or −1 without `wantLogits`. */
  addToBatch(slot: number, position: number, tokens: readonly number[], wantLogits: boolean): number;
  /** Like `addToBatch`, but returns the indexes of all tokens' logits. */
  addScored(slot: number, position: number, tokens: readonly number[]): readonly number[];
  decode(): Promise<void>;
  /**
   * Drops a slot's tokens from `length` on. Returns false if the model can't drop a part, as with recurrent models: the slot is then
   * empty.
   */
  truncate(slot: number, length: number): boolean;
  /** Replaces a slot's content by a copy of another slot's. */
  copy(target: number, source: number): Promise<void>;
  /** Writes a slot's content to a file. Returns its size in bytes. */
  save(slot: number, path: string, tokens: readonly number[]): Promise<number>;
  /** Replaces a slot's content by that of a file that this context saved. */
  load(slot: number, path: string): Promise<void>;
  /** @param topCount how many of the most likely tokens to score besides the given one */
  createScorer(topCount: number): Scorer;
  /** The request's grammar must parse. */
  createSampler(request: SamplerRequest, prompt: readonly number[]): Sampler;
};
