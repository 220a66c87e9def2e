/**
 * `stop`: the model ended the answer, or wrote a stop string. `length`: `maxTokens` or the context was used up. `tool_calls`: the model
 * waits for the results of its calls. `content_filter`: a filter of another server removed the rest.
 */
export const FINISH_REASONS = ["stop", "length", "tool_calls", "content_filter"] as const;

export type FinishReason = (typeof FINISH_REASONS)[number];

/** A token's natural log-probability over the whole vocabulary, before temperature or any other change of the logits. */
export type TokenLogprob = {
  /** Its id; absent if another server doesn't tell it. */
  readonly token?: number;
  /** The token's bytes, which may be part of a character. */
  readonly bytes: readonly number[];
  readonly logprob: number;
};

/** A sampled token and its alternatives, most likely first. */
export type SampledLogprob = TokenLogprob & { readonly top: readonly TokenLogprob[] };

/** A token of a prompt. The first one follows nothing, so its log-probability is null. */
export type PromptLogprob = Omit<SampledLogprob, "logprob"> & { readonly logprob: number | null };

/** The tokens of a generation, for all its choices together. */
export type Usage = {
  readonly promptTokens: number;
  /** The prompt's tokens that were not evaluated again. */
  readonly cachedTokens: number;
  readonly completionTokens: number;
  /** The completion's reasoning tokens, if the model reasons. */
  readonly reasoningTokens?: number;
  /** What another server says that the answer costs, in US dollars. */
  readonly cost?: number;
  /** It was answered in a batch of another server. */
  readonly isBatch?: true;
};

/**
 * The events of a generation: one `started`, then for each choice any number of others and one `finished`. The events of choices
 * interleave. The iterator throws failures, as one of `errors.ts`.
 *
 * Tokens are counted by `started` and each `finished`, or, if known late, by one `usage` for all, anywhere after `started`, even after the
 * last `finished`.
 */
export type GenerationEvent =
  | {
      readonly type: "started";
      /** The rendered prompt's length. */
      readonly promptTokens?: number | undefined;
      /** The prompt's tokens that a slot still held, so that they were not evaluated again. */
      readonly cachedTokens?: number | undefined;
      /** The whole answer was generated for an earlier request, and costs nothing now. */
      readonly isReplay?: boolean;
    }
  | ({ readonly type: "usage" } & Usage)
  /** The prompt's next tokens, if their log-probabilities were requested: once for all choices, with the number of the first. */
  | { readonly type: "prompt"; readonly choice: number; readonly logprobs: readonly PromptLogprob[] }
  | {
      readonly type: "text";
      readonly choice: number;
      /** May be empty if there are log-probabilities of tokens whose text is held back. */
      readonly text: string;
      /** For the tokens sampled since the last event, if requested. */
      readonly logprobs?: readonly SampledLogprob[];
    }
  /** The model's reasoning before its answer. Never part of the text. */
  | { readonly type: "reasoning"; readonly choice: number; readonly text: string }
  /** The model's refusal to answer. Never part of the text. */
  | { readonly type: "refusal"; readonly choice: number; readonly text: string }
  /** The next pieces of an answer to a `verbatim` request, in the form in which the client gets them. They contain what else would be events. */
  | { readonly type: "frames"; readonly text: string }
  /** A call begins; its arguments follow. `index` counts the choice's calls from 0. */
  | {
      readonly type: "toolCall";
      readonly choice: number;
      readonly index: number;
      readonly id: string;
      readonly name: string;
      /** For the tokens sampled since the last event, if requested and known. */
      readonly logprobs?: readonly SampledLogprob[];
    }
  /** The next piece of a call's arguments: JSON text. */
  | {
      readonly type: "toolArguments";
      readonly choice: number;
      readonly index: number;
      readonly text: string;
      readonly logprobs?: readonly SampledLogprob[];
    }
  | {
      readonly type: "finished";
      readonly choice: number;
      readonly reason: FinishReason;
      /** All tokens sampled for this choice, including the one that ended it. */
      readonly completionTokens?: number;
      /** Its reasoning tokens, if the model reasons. */
      readonly reasoningTokens?: number;
      /** The stop string that ended it, if any. */
      readonly stopString?: string;
    };
