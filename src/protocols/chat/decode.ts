import type { GenerationRequest } from "../../generation/request.ts";
import { InvalidRequestError } from "../errors.ts";
import { isSet } from "../fields.ts";
import { parseWire } from "../issue.ts";
import { decodeSampling, decodeStop } from "../sampling.ts";
import { decodeStreamOptions } from "../stream-options.ts";
import { decodeMessages } from "./decode-messages.ts";
import { chatRequestSchema, type WireChatRequest } from "./schema.ts";
import { refuseUnsupported } from "./unsupported.ts";

/** A chat completion request, understood. */
export type ChatRequest = {
  /** The model as the client named it: an id or an alias. */
  readonly model: string;
  readonly stream: boolean;
  /** Whether a last chunk with the usage was asked for. */
  readonly includeUsage: boolean;
  /** What to generate. The id, the resolved model and the signal are the server's to add. */
  readonly generation: Omit<GenerationRequest, "id" | "model" | "signal">;
};

/**
 * Understands the body of `POST /v1/chat/completions`. Throws `InvalidRequestError` for the first thing in it that is wrong, or that
 * this server can't honour.
 */
export function decodeChatRequest(body: unknown): ChatRequest {
  const wire = parseWire(chatRequestSchema, body);
  refuseUnsupported(Object(body));
  refuseCombinations(wire);

  return {
    model: wire.model,
    ...decodeStreamOptions(wire),
    generation: {
      prompt: { type: "chat", messages: decodeMessages(wire.messages) },
      choices: wire.n ?? 1,
      maxTokens: wire.max_completion_tokens ?? wire.max_tokens ?? undefined,
      stop: decodeStop(wire),
      sampling: decodeSampling(wire),
    },
  };
}

/** Fields that are fine alone and wrong together, in the words of OpenAI's servers. */
function refuseCombinations(wire: WireChatRequest): void {
  if (isSet(wire.max_tokens) && isSet(wire.max_completion_tokens)) {
    throw new InvalidRequestError(
      "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.",
      "max_tokens",
      "invalid_parameter_combination",
    );
  }
}
