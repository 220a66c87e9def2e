/**
 * `stop`: the model ended or a stop string was met. `length`: `maxTokens` or the context was used up. `tool_calls`: the model waits for
 * what its calls give. `content_filter`: a filter of the server that answers left the rest out.
 */
export const FINISH_REASONS = ["stop", "length", "tool_calls", "content_filter"] as const;

export type FinishReason = (typeof FINISH_REASONS)[number];

/** One token's natural log-probability over the whole vocabulary, before temperature and every other change of the logits. */
export type TokenLogprob = {
  /** Its id; absent where the server that answers tells none. */
  readonly token?: number;
  /** The token's own bytes, which may be part of a character. */
  readonly bytes: readonly number[];
  readonly logprob: number;
};

/** A sampled token, and the most likely ones in its place, most likely first. */
export type SampledLogprob = TokenLogprob & { readonly top: readonly TokenLogprob[] };

/** A token of a prompt. Before its first one there is nothing that could make it likely: its log-probability is null. */
export type PromptLogprob = Omit<SampledLogprob, "logprob"> & { readonly logprob: number | null };

/** The tokens of a generation, all its choices together. */
export type Usage = {
  readonly promptTokens: number;
  /** How many of those need not be evaluated again. */
  readonly cachedTokens: number;
  readonly completionTokens: number;
  /** How many of the completion's were reasoning, where the model reasons. */
  readonly reasoningTokens?: number;
};

/**
 * What happens to a generation, in order: one `started`, then for each choice any number of others and one `finished`.
 * The choices' events interleave. A failure is thrown by the iterator, as one of `errors.ts`.
 *
 * Tokens are told in one of two ways: by `started` and each `finished`, or, where they are known late, by one `usage` for all, anywhere after
 * `started`, also after the last `finished`.
 */
export type GenerationEvent =
  | {
      readonly type: "started";
      /** The rendered prompt's length. */
      readonly promptTokens?: number | undefined;
      /** How many of those a slot still held, so that they were not evaluated again. */
      readonly cachedTokens?: number | undefined;
      /** All of it was generated before, for another request, and takes nothing now. */
      readonly isReplay?: boolean;
    }
  | ({ readonly type: "usage" } & Usage)
  /** The next of the prompt's tokens, where their log-probabilities were asked for: once for all choices, as those of its first. */
  | { readonly type: "prompt"; readonly choice: number; readonly logprobs: readonly PromptLogprob[] }
  | {
      readonly type: "text";
      readonly choice: number;
      /** May be empty where there are log-probabilities of tokens whose text is held back. */
      readonly text: string;
      /** Of the tokens sampled since the last, where they were asked for. */
      readonly logprobs?: readonly SampledLogprob[];
    }
  /** What the model thinks before it speaks. Never part of the text. */
  | { readonly type: "reasoning"; readonly choice: number; readonly text: string }
  /** Why the model won't answer, in its words. Never part of the text. */
  | { readonly type: "refusal"; readonly choice: number; readonly text: string }
  /** A call begins; its arguments follow. `index` counts the choice's calls from 0. */
  | {
      readonly type: "toolCall";
      readonly choice: number;
      readonly index: number;
      readonly id: string;
      readonly name: string;
    }
  /** The next piece of a call's arguments: JSON text. */
  | { readonly type: "toolArguments"; readonly choice: number; readonly index: number; readonly text: string }
  | {
      readonly type: "finished";
      readonly choice: number;
      readonly reason: FinishReason;
      /** All tokens sampled for this choice, the one that ended it included. */
      readonly completionTokens?: number;
      /** How many of those were reasoning, where the model reasons. */
      readonly reasoningTokens?: number;
      /** The stop string that ended it, where one did. */
      readonly stopString?: string;
    };
