import type { SequenceRequest } from "./messages.ts";

/** A model's vocabulary. */
export type Tokenizer = {
  readonly vocabularySize: number;
  /** `parseSpecial` lets the spelling of a control token become that token; otherwise it stays text. Adds no BOS or EOS. */
  tokenize(text: string, parseSpecial: boolean): readonly number[];
  /** The tokens' bytes as text, control tokens left out unless they are to be shown; a character that is cut comes as U+FFFD. */
  detokenize(tokens: readonly number[], showControl?: boolean): string;
  /** One token's own bytes, which may be part of a character; a control token's are its spelling. */
  bytes(token: number): readonly number[];
  /** Whether the model says with this token that its turn is over. */
  isEndOfGeneration(token: number): boolean;
};

/** Finds in a text what tokenization could take for a control token. */
export type ControlFinder = {
  /**
   * The text in parts, joined again by concatenation; undefined where nothing of it is suspicious. Suspicious are control tokens'
   * spellings, and at the text's ends parts of them, which what stands beside the text could complete.
   */
  split(text: string): readonly TextPart[] | undefined;
  /**
   * The first place at `from` or behind it where the tokenizer begins anew in any case, so that the text may be cut there: behind a control
   * token. Undefined where there is none.
   */
  cutAfter(text: string, from: number): number | undefined;
};

export type TextPart = { readonly text: string; readonly suspicious: boolean };

/** The tokens around what is filled in. */
export type InfillTokens = {
  readonly prefix: number;
  readonly suffix: number;
  readonly middle: number;
  /** Before the name of a repository, and before that of each of its files, for models that know such. */
  readonly repository?: number;
  readonly file?: number;
};

/** A model's chat template, compiled, and what else its prompts are made of. */
export type ChatTemplate = {
  /** Throws what the template raises, for example for roles that it does not take. */
  render(variables: Readonly<Record<string, unknown>>): string;
  /** Finds the spellings of the vocabulary's control tokens, such as `<|im_end|>`. */
  readonly control: ControlFinder;
  /** Set where the vocabulary wants every text to begin with this token. */
  readonly beginToken: number | undefined;
  /** What an empty prompt becomes; undefined where the vocabulary has no token to begin with. */
  readonly emptyToken: number | undefined;
  /** Undefined where the model was not trained for it. */
  readonly infill: InfillTokens | undefined;
  /** What ends an answer besides the model's own end tokens, where the template is not the model's own. */
  readonly stop: readonly string[];
};

/** What a request says of how its tokens are drawn. */
export type SamplerRequest = Pick<SequenceRequest, "sampling" | "grammar" | "showControlTokens" | "stopTokenIds">;

/** How one sequence draws its tokens. */
export type Sampler = {
  /**
   * Draws from the logits that the last `decode` leaves at `logitIndex`; it may be called before that has ended. Gives undefined where
   * the grammar allows nothing more, or nothing of what the logit bias leaves.
   *
   * @param history the tokens generated so far, for penalties; its length also picks the random number, so that a sequence
   *   that goes on after a crash draws as it would have
   */
  sample(logitIndex: number, history: readonly number[]): Promise<number | undefined>;
  /** Why it draws no more, and its request is to fail: drawing took so long that others would suffer. Undefined until then. */
  readonly fault?: string | undefined;
  /** Takes a token that was not drawn here, for the grammar. All such come before the first draw. */
  accept(token: number): void;
  dispose(): void;
};

/** A token's natural log-probability over the whole vocabulary, before anything changed the logits. */
export type Score = { readonly token: number; readonly logprob: number };

export type TokenScores = Score & { readonly top: readonly Score[] };

/** How likely one sequence's tokens are. */
export type Scorer = {
  /**
   * The token's score, and those of the most likely ones, most likely first. Like `Sampler.sample` it may be called before the
   * decode has ended; the logits must stay until it resolves.
   *
   * @param token what is scored; undefined, where nothing could be drawn, has no score
   */
  score(logitIndex: number, token: Promise<number | undefined>): Promise<TokenScores | undefined>;
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
  /** As `addToBatch`; returns the indexes of all tokens' logits. */
  addScored(slot: number, position: number, tokens: readonly number[]): readonly number[];
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
  /** @param topCount how many of the most likely tokens are scored beside the one in question */
  createScorer(topCount: number): Scorer;
  /** The request's grammar must be one that can be parsed. */
  createSampler(request: SamplerRequest, prompt: readonly number[]): Sampler;
};
