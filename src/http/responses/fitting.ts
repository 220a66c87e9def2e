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
  /** Whether the oldest items may be dropped if not all fit. */
  readonly mayTruncate: boolean;
};

/**
 * Runs a request over `items`. With `mayTruncate`, it drops the oldest until the rest fits.
 * Throws an `InvalidRequestError` about `input` if they make no valid prompt.
 */
export function generateFitting({ generate, items, toPrompt, mayTruncate }: FittingOptions): Generate {
  return async function* fit(request): AsyncGenerator<GenerationEvent> {
    let rest: readonly ReadableItem[] | undefined = items;
    for (;;) {
      try {
        yield* generate({ ...request, prompt: toPrompt(rest) });
        return;
      } catch (error) {
        // It is thrown before the first event, so no event is repeated.
        const isTooLong = error instanceof ContextLengthExceededError;
        rest = isTooLong && mayTruncate ? dropOldest(rest, excessShare(error)) : undefined;
        if (rest === undefined) {
          throw blameInput(error);
        }
      }
    }
  };
}

/** Returns the share of the prompt that doesn't fit. */
function excessShare({ promptTokens, contextTokens }: ContextLengthExceededError): number {
  return Math.max(0, promptTokens - contextTokens) / promptTokens;
}
