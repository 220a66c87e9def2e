import type { Message, Prompt } from "../../generation/request.ts";
import type { Wish } from "../../generation/wish.ts";
import type { Understood } from "../complete.ts";
import { InvalidRequestError } from "../errors.ts";
import { isSet } from "../fields.ts";
import { decodeFormat, sayFormat } from "../format-words.ts";
import { decodeMaxTokens } from "../max-tokens.ts";
import { decodeMetadata, type Metadata } from "../metadata.ts";
import { refuseStreamedPrompt, refuseTooManyScores } from "../prompt-logprobs.ts";
import { decodeEnds, decodeSampling } from "../sampling.ts";
import type { ServiceTier } from "../service-tier.ts";
import { decodeStreamOptions } from "../stream-options.ts";
import { parseBody } from "../words/read.ts";
import { decodeMessages } from "./decode-messages.ts";
import { chatRequestSchema, type WireChatRequest } from "./schema.ts";
import { decodeTemplateArguments } from "./template-arguments.ts";
import { decodeTools } from "./tools.ts";

/** A decoded chat completion request. */
export type ChatRequest = Understood & {
  /** The model's id or alias from the request; undefined if it names none. */
  readonly model: string | undefined;
  readonly stream: boolean;
  /** Whether the client asked for a last chunk with the usage. */
  readonly includeUsage: boolean;
  /** What to store with the answer; undefined if it isn't stored. */
  readonly memory: { readonly metadata: Metadata; readonly messages: readonly unknown[] } | undefined;
  /** Whether a call is encoded in the old form of 2023, as `function_call`. */
  readonly answersFunctionCall: boolean;
  /** Undefined means `auto`. */
  readonly serviceTier: ServiceTier | undefined;
  /** The wish, without defaults. */
  readonly wish: Wish;
};

/**
 * Decodes the body of `POST /v1/chat/completions`. Throws `InvalidRequestError` for the first field that is invalid or can't be
 * honoured.
 */
export function decodeChatRequest(body: unknown): ChatRequest {
  const wire = parseBody("chat", chatRequestSchema, body);
  refuseCombinations(wire);
  refuseStreamedPrompt(wire);
  const tools = decodeTools(wire);
  const format = decodeFormat(wire);
  const prompt = decodePrompt(wire);
  const promptLogprobs = wire.prompt_logprobs ?? undefined;
  if (promptLogprobs !== undefined) refuseTooManyScores([prompt], promptLogprobs, "prompt_logprobs");
  const maxTokens = isSet(wire.max_completion_tokens)
    ? decodeMaxTokens(wire.max_completion_tokens, "max_completion_tokens")
    : decodeMaxTokens(wire.max_tokens, "max_tokens");

  return {
    model: wire.model ?? undefined,
    ...decodeStreamOptions(wire),
    memory: decodeMemory(wire, body),
    answersFunctionCall: isSet(wire.functions) && wire.functions.length > 0,
    serviceTier: wire.service_tier ?? undefined,
    tools,
    format,
    wish: {
      prompt,
      ...(promptLogprobs !== undefined && { promptLogprobs }),
      ...tools.wish,
      ...sayFormat(wire, format),
      ...(wire.logprobs === true && { logprobs: wire.top_logprobs ?? 0 }),
      ...(isSet(wire.n) && { choices: wire.n }),
      ...(maxTokens !== undefined && { maxTokens }),
      ...decodeEnds(wire),
      sampling: decodeSampling(wire),
    },
  };
}

function decodeMemory(wire: WireChatRequest, body: unknown): ChatRequest["memory"] {
  const metadata = decodeMetadata(wire.metadata);
  return wire.store === true ? { metadata, messages: Object(body).messages } : undefined;
}

function decodePrompt(wire: WireChatRequest): Prompt {
  const messages = decodeMessages(wire.messages);
  const templateArguments = decodeTemplateArguments(wire);
  if (wire.continue_final_message === true) refuseUnfinished(messages);
  return {
    type: "chat",
    messages,
    ...(wire.continue_final_message === true ? { continueFinal: true } : {}),
    ...(wire.add_generation_prompt === false ? { withoutLead: true } : {}),
    ...(templateArguments === undefined ? {} : { templateArguments }),
  };
}

function refuseUnfinished(messages: readonly Message[]): void {
  const last = messages.at(-1);
  if (last?.role === "assistant" && last.toolCalls === undefined && last.content !== "") return;
  throw new InvalidRequestError(
    "Invalid value for 'continue_final_message': the last message must be an assistant message with text and without calls.",
    "continue_final_message",
    "invalid_value",
  );
}

/** Refuses fields that are valid alone but not together, with OpenAI's wording where it exists. */
function refuseCombinations(wire: WireChatRequest): void {
  if (wire.continue_final_message === true && wire.add_generation_prompt === true) {
    throw new InvalidRequestError(
      "Setting 'continue_final_message' and 'add_generation_prompt' at the same time is not supported: one continues a message, " +
        "the other begins a new one. Leave one of them out.",
      "add_generation_prompt",
      "invalid_parameter_combination",
    );
  }
  if (isSet(wire.max_tokens) && isSet(wire.max_completion_tokens) && wire.max_tokens !== wire.max_completion_tokens) {
    throw new InvalidRequestError(
      "Setting 'max_tokens' and 'max_completion_tokens' to different values is not supported. Send only 'max_completion_tokens'.",
      "max_tokens",
      "invalid_parameter_combination",
    );
  }
  if (isSet(wire.top_logprobs) && wire.top_logprobs > 0 && wire.logprobs !== true) {
    throw new InvalidRequestError(
      "Invalid value for 'top_logprobs': 'top_logprobs' is only allowed when 'logprobs' is enabled.",
      "top_logprobs",
      null,
    );
  }
}
