import type { Sampling } from "../../generation/request.ts";

/** A model's vocabulary. */
export type Tokenizer = {
  readonly vocabularySize: number;
  /** `parseSpecial` lets the spelling of a control token become that token; otherwise it stays text. Adds no BOS or EOS. */
  tokenize(text: string, parseSpecial: boolean): readonly number[];
  /** The tokens' bytes as text, control tokens left out; a character that is cut comes as U+FFFD. */
  detokenize(tokens: readonly number[]): string;
  /** Whether the model says with this token that its turn is over. */
  isEndOfGeneration(token: number): boolean;
};

/** How one sequence draws its tokens. */
export type Sampler = {
  /**
   * Draws from the logits that the last `decode` leaves at `logitIndex`; it may be called before that has ended.
   *
   * @param history the tokens generated so far, for penalties; its length also picks the random number, so that a sequence
   *   that goes on after a crash draws as it would have
   */
  sample(logitIndex: number, history: readonly number[]): Promise<number>;
  dispose(): void;
};

/** The batch calls of one llama.cpp context. Never overlap two decodes, nor touch the KV cache during one. */
export type Batcher = {
  readonly slots: number;
  /** Tokens for each slot. */
  readonly contextTokens: number;
  /** The largest batch. */
  readonly maxBatchTokens: number;
  /**
   * Begins a batch of exactly this many tokens.
   *
   * @param exact whether its logits must not depend, in their last digits, on which sequences are in the batch
   */
  beginBatch(tokenCount: number, exact: boolean): void;
  /** Adds tokens to the batch; returns the index of the last one's logits, or −1 where they aren't wanted. */
  addToBatch(slot: number, position: number, tokens: readonly number[], wantLogits: boolean): number;
  decode(): Promise<void>;
  /**
   * Forgets what a slot holds from `length` on. Returns false where the model can't forget a part (recurrent ones):
   * then the slot is empty.
   */
  truncate(slot: number, length: number): boolean;
  /** Makes a slot hold what another holds, and nothing else. */
  copy(target: number, source: number): Promise<void>;
  /** Writes what a slot holds to a file; returns its size in bytes. */
  save(slot: number, path: string, tokens: readonly number[]): Promise<number>;
  /** Makes a slot hold what a file holds that this context saved, and nothing else. */
  load(slot: number, path: string): Promise<void>;
  createSampler(sampling: Sampling & { readonly seed: number }, prompt: readonly number[]): Sampler;
};
