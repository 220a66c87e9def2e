/** `stop`: the model ended or a stop string was met. `length`: `maxTokens` or the context was used up. */
export type FinishReason = "stop" | "length";

/**
 * What happens to a generation, in order: one `started`, then for each choice any number of `text` and one `finished`.
 * The choices' events interleave. A failure is thrown by the iterator, as one of `errors.ts`.
 */
export type GenerationEvent =
  | {
      readonly type: "started";
      /** The rendered prompt's length. */
      readonly promptTokens: number;
      /** How many of those a slot still held, so that they were not evaluated again. */
      readonly cachedTokens: number;
    }
  | { readonly type: "text"; readonly choice: number; readonly text: string }
  | {
      readonly type: "finished";
      readonly choice: number;
      readonly reason: FinishReason;
      /** All tokens sampled for this choice, the one that ended it included. */
      readonly completionTokens: number;
    };
