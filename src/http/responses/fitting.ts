import { ContextLengthExceededError } from "../../generation/errors.ts";
import type { GenerationEvent } from "../../generation/event.ts";
import type { Generate } from "../../generation/layer.ts";
import type { GenerationRequest } from "../../generation/request.ts";
import { blameInput } from "../../protocols/prompt-errors.ts";
import type { ReadableItem } from "../../protocols/responses/items.ts";
import { dropOldest } from "../../protocols/responses/to-messages.ts";

export type FittingOptions = {
  readonly generate: Generate;
  readonly items: readonly ReadableItem[];
  readonly toPrompt: (items: readonly ReadableItem[]) => GenerationRequest["prompt"];
  /** Whether the oldest items may be left out where all don't fit. */
  readonly mayTruncate: boolean;
};

/**
 * Runs a request over `items`, or, where it may and must, over what is left of them when the oldest are dropped until the rest fits.
 * A prompt that can't be had is an `InvalidRequestError` about `input`.
 */
export function generateFitting({ generate, items, toPrompt, mayTruncate }: FittingOptions): Generate {
  return async function* fit(request): AsyncGenerator<GenerationEvent> {
    let rest: readonly ReadableItem[] | undefined = items;
    for (;;) {
      try {
        yield* generate({ ...request, prompt: toPrompt(rest) });
        return;
      } catch (error) {
        // It is thrown before the first event, so nothing is said twice.
        const isTooLong = error instanceof ContextLengthExceededError;
        rest = isTooLong && mayTruncate ? dropOldest(rest, excessShare(error)) : undefined;
        if (rest === undefined) {
          throw blameInput(error);
        }
      }
    }
  };
}

/** How much of the prompt is too much, as a share of it. */
function excessShare({ promptTokens, contextTokens }: ContextLengthExceededError): number {
  return Math.max(0, promptTokens - contextTokens) / promptTokens;
}
