import { ContextLengthExceededError, InvalidSamplingError } from "../../generation/errors.ts";
import { InvalidRequestError } from "../errors.ts";

/** What is wrong with a completion's prompt by its own field's name; any other error as it is. */
export function blamePrompt(error: unknown): unknown {
  if (error instanceof ContextLengthExceededError) {
    return new InvalidRequestError(
      `This model's maximum context length is ${error.contextTokens} tokens, however your prompt has ` +
        `${error.atLeast ? "at least " : ""}${error.promptTokens}, which leaves no room for a completion. ` +
        "Please shorten the prompt, or start Sluice with a larger --context.",
      "prompt",
      error.code,
    );
  }
  if (error instanceof InvalidSamplingError && error.field === "tokens") {
    return new InvalidRequestError(error.message, "prompt", error.code);
  }
  return error;
}
