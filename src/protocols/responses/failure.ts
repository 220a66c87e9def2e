import { ContextLengthExceededError, UnrenderablePromptError } from "../../generation/errors.ts";
import { InvalidRequestError } from "../errors.ts";

/** What is wrong with a response's prompt by the name of the field that it comes from; any other error as it is. */
export function blameInput(error: unknown): unknown {
  if (error instanceof ContextLengthExceededError) {
    return new InvalidRequestError(
      `This model's context holds ${error.contextTokens} tokens, and the input, with the instructions and what it goes on from, takes ` +
        `${error.atLeast ? "at least " : ""}${error.promptTokens}, which leaves no room for an answer. ` +
        "Shorten it, set 'truncation' to 'auto', compact the conversation, or start Sluice with a larger --context.",
      "input",
      error.code,
    );
  }
  return error instanceof UnrenderablePromptError ? new InvalidRequestError(error.message, "input", error.code) : error;
}
