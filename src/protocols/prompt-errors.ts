import {
  ContextLengthExceededError,
  InvalidSamplingError,
  largerContext,
  UnrenderablePromptError,
} from "../generation/errors.ts";
import { InvalidRequestError } from "./errors.ts";

/**
 * Turns an error about the prompt into one that names `prompt`, with OpenAI's wording. Returns any other error unchanged.
 *
 * @param maxTokens the limit for each choice; undefined means as many as fit
 */
export function blamePrompt(error: unknown, maxTokens?: number): unknown {
  if (error instanceof ContextLengthExceededError) {
    const { promptTokens, contextTokens, atLeast, isUpstream, code } = error;
    // Where nothing was asked for, one token is the least that an answer has.
    const completionTokens = maxTokens ?? 1;
    return new InvalidRequestError(
      `This model's maximum context length is ${contextTokens} tokens, however you requested ${atLeast ? "at least " : ""}` +
        `${promptTokens + completionTokens} tokens (${promptTokens} in your prompt; ${completionTokens} for the completion). ` +
        `Please reduce your prompt: a completion is cut to what fits${largerContext(isUpstream)}.`,
      "prompt",
      code,
    );
  }
  if (error instanceof InvalidSamplingError && error.field === "tokens") {
    return new InvalidRequestError(error.message, "prompt", error.code);
  }
  return error;
}

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
