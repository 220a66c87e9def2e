import { ContextLengthExceededError, InvalidSamplingError, UnrenderablePromptError } from "../../generation/errors.ts";
import type { Rejection } from "../contract/messages.ts";

/** The error that a client gets for a sequence that the worker refused. */
export function rejectionError(rejection: Rejection): Error {
  switch (rejection.code) {
    case "context_length_exceeded":
      return new ContextLengthExceededError(rejection.promptTokens, rejection.contextTokens, rejection.atLeast);
    case "unrenderable_prompt":
      return new UnrenderablePromptError(rejection.reason);
    case "invalid_sampling":
      return new InvalidSamplingError(rejection.field, rejection.reason);
    case "failed":
      return new Error(`The engine could not go on with this request: ${rejection.reason}`);
  }
}
