import { ContextLengthExceededError, UnrenderablePromptError } from "../../generation/errors.ts";
import { InvalidRequestError } from "../errors.ts";

/** What is wrong with a response's prompt by the name of the field that it comes from; any other error as it is. */
export function blameInput(error: unknown): unknown {
  if (error instanceof ContextLengthExceededError) {
    return new InvalidRequestError(
      `This model's maximum context length is ${error.contextTokens} tokens. However, your messages resulted in ` +
        `${error.atLeast ? "at least " : ""}${error.promptTokens} tokens, with the instructions and what they go on from. ` +
        // What OpenAI says at this endpoint.
        "Your input exceeds the context window of this model: shorten it, set 'truncation' to 'auto', compact the conversation, or start Sluice with a larger --context.",
      "input",
      error.code,
    );
  }
  return error instanceof UnrenderablePromptError ? new InvalidRequestError(error.message, "input", error.code) : error;
}
