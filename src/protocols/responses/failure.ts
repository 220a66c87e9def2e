import { ContextLengthExceededError, UnrenderablePromptError } from "../../generation/errors.ts";
import { InvalidRequestError } from "../errors.ts";

/** Turns an error about the prompt into one that names `input`. Returns any other error unchanged. */
export function blameInput(error: unknown): unknown {
  if (error instanceof ContextLengthExceededError) {
    return new InvalidRequestError(
      `This model's maximum context length is ${error.contextTokens} tokens. However, your messages resulted in ` +
        `${error.atLeast ? "at least " : ""}${error.promptTokens} tokens, including the instructions and the earlier conversation. ` +
        // OpenAI's wording at this endpoint.
        "Your input exceeds the context window of this model: shorten it, set 'truncation' to 'auto', compact the conversation, or start Sluice with a larger --context.",
      "input",
      error.code,
    );
  }
  return error instanceof UnrenderablePromptError ? new InvalidRequestError(error.message, "input", error.code) : error;
}
