import type { GenerationRequest } from "../../generation/request.ts";
import { decodeTemplateArguments } from "../chat/template-arguments.ts";
import { InvalidRequestError } from "../errors.ts";
import { isSet } from "../fields.ts";
import { decodeFormat, refuseBareFormat, textFormatOf } from "../format-words.ts";
import { decodeMaxTokens } from "../max-tokens.ts";
import { decodeMetadata } from "../metadata.ts";
import { showTextFormat } from "../output-format.ts";
import { decodePresetFields } from "../preset-fields.ts";
import { decodeEnds, decodeSampling, decodeStop } from "../sampling.ts";
import type { ServiceTier } from "../service-tier.ts";
import type { ToolOffer } from "../tools/offer.ts";
import { parseBody } from "../words/read.ts";
import { decodeInput } from "./decode-items.ts";
import type { Item, ItemReference } from "./items.ts";
import type { ResponseSettings } from "./response.ts";
import { responsesRequestSchema, type WireResponsesRequest } from "./schema.ts";
import { decodeTools, showToolChoice, showTools } from "./tools.ts";

/** A request for a response, understood. What it refers to is still to be looked up. */
export type ResponsesRequest = {
  /** The model as the client named it: an id or an alias; undefined where it named none. */
  readonly model: string | undefined;
  readonly stream: boolean;
  readonly store: boolean;
  readonly background: boolean;
  /** Whether the oldest items may be left out where all don't fit. */
  readonly mayTruncate: boolean;
  readonly instructions: string | undefined;
  readonly previousResponseId: string | undefined;
  readonly conversationId: string | undefined;
  readonly input: readonly (Item | ItemReference)[];
  /** More variables for the model's template. */
  readonly templateArguments: Readonly<Record<string, unknown>> | undefined;
  /** What to generate, but for the prompt. The id, the resolved model and the signal are the server's to add. */
  readonly generation: Omit<GenerationRequest, "id" | "model" | "signal" | "prompt">;
  /** Undefined is as good as `auto`. */
  readonly serviceTier: ServiceTier | undefined;
  /** What the tools are for the client, by the names that the model knows. */
  readonly toolLabels: ToolOffer["labels"];
  /** Where in the request the tools' schemas stand. */
  readonly toolPlaces: ToolOffer["places"];
  /** What of its tools the model is not told of. */
  readonly droppedTools: ToolOffer["dropped"];
  /** What the response repeats of the request. */
  readonly settings: ResponseSettings;
};

/**
 * Understands the body of `POST /v1/responses`. Throws `InvalidRequestError` for the first thing in it that is wrong, or that this
 * server can't honour.
 */
export function decodeResponsesRequest(body: unknown): ResponsesRequest {
  const wire = parseBody("responses", responsesRequestSchema, body);
  refuseCombinations(wire);

  const conversationId = typeof wire.conversation === "string" ? wire.conversation : wire.conversation?.id;
  const added = addedTools(wire.input);
  const { use: tools, labels, places, dropped } = decodeTools(wire, added);
  const format = decodeFormat(wire, textFormatOf(wire.text?.format));
  if (tools !== undefined && tools.choice !== "none") refuseBareFormat(format);
  const wantsLogprobs = wire.include?.includes("message.output_text.logprobs") || (wire.top_logprobs ?? 0) > 0;
  return {
    model: wire.model ?? undefined,
    stream: wire.stream ?? false,
    store: wire.store ?? true,
    background: wire.background ?? false,
    mayTruncate: wire.truncation === "auto",
    instructions: wire.instructions ?? undefined,
    previousResponseId: wire.previous_response_id ?? undefined,
    conversationId,
    input: decodeInput(wire.input ?? []),
    templateArguments: decodeTemplateArguments({
      reasoning_effort: wire.reasoning?.effort,
      chat_template_kwargs: wire.chat_template_kwargs,
      enable_thinking: wire.enable_thinking,
    }),
    generation: {
      choices: 1,
      maxTokens: decodeMaxTokens(wire.max_output_tokens, "max_output_tokens"),
      stop: decodeStop(wire),
      ...decodeEnds(wire),
      sampling: decodeSampling(wire),
      ...(tools === undefined ? {} : { tools }),
      ...(format === undefined ? {} : { output: format.output }),
      ...(wantsLogprobs ? { logprobs: wire.top_logprobs ?? 0 } : {}),
    },
    serviceTier: wire.service_tier ?? undefined,
    toolLabels: labels,
    toolPlaces: places,
    droppedTools: dropped,
    settings: decodeSettings(wire, conversationId, added),
  };
}

/** Tools that come with the input, which is how Codex offers them to some models. */
function addedTools(input: WireResponsesRequest["input"]): readonly unknown[] {
  const items = Array.isArray(input) ? input : [];
  return items.flatMap((item) => {
    const tools = item.type === "other" && item.kind === "additional_tools" ? item.fields.tools : undefined;
    return Array.isArray(tools) ? tools : [];
  });
}

/** Fields that are fine alone and wrong together. */
function refuseCombinations(wire: WireResponsesRequest): void {
  if (isSet(wire.previous_response_id) && isSet(wire.conversation)) {
    throw new InvalidRequestError(
      "Mutually exclusive parameters: 'previous_response_id' and 'conversation'. Ensure you are only providing one of them.",
      null,
      "mutually_exclusive_parameters",
    );
  }
  if (wire.background === true && wire.store === false) {
    throw new InvalidRequestError(
      "A background response is fetched from where it is stored. Leave 'store' out, or set it to true.",
      "store",
      "invalid_parameter_combination",
    );
  }
  if (isSet(wire.stream_options) && wire.stream !== true) {
    throw new InvalidRequestError(
      "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
      "stream_options",
      null,
    );
  }
  const isEmpty = !isSet(wire.input) || (Array.isArray(wire.input) && wire.input.length === 0);
  if (isEmpty && !isSet(wire.previous_response_id) && !isSet(wire.conversation)) {
    throw new InvalidRequestError(
      "One of 'input', 'previous_response_id' or 'conversation' must be provided.",
      "input",
      "missing_required_parameter",
    );
  }
}

function decodeSettings(
  wire: WireResponsesRequest,
  conversationId: string | undefined,
  added: readonly unknown[],
): ResponseSettings {
  return {
    background: wire.background ?? false,
    conversation: conversationId === undefined ? null : { id: conversationId },
    instructions: wire.instructions ?? null,
    frequency_penalty: wire.frequency_penalty ?? 0,
    max_output_tokens: decodeMaxTokens(wire.max_output_tokens, "max_output_tokens") ?? null,
    max_tool_calls: wire.max_tool_calls ?? null,
    metadata: decodeMetadata(wire.metadata),
    parallel_tool_calls: wire.parallel_tool_calls ?? true,
    previous_response_id: wire.previous_response_id ?? null,
    prompt: showPrompt(wire),
    presence_penalty: wire.presence_penalty ?? 0,
    prompt_cache_key: wire.prompt_cache_key ?? null,
    prompt_cache_retention: showRetention(wire.prompt_cache_retention),
    reasoning: {
      effort: wire.reasoning?.effort ?? null,
      summary: wire.reasoning?.summary ?? wire.reasoning?.generate_summary ?? null,
    },
    safety_identifier: wire.safety_identifier ?? null,
    store: wire.store ?? true,
    temperature: wire.temperature ?? 1,
    text: { format: showTextFormat(wire.text?.format), verbosity: wire.text?.verbosity ?? "medium" },
    tool_choice: showToolChoice(wire.tool_choice),
    tools: showTools([...(wire.tools ?? []), ...added]),
    top_logprobs: wire.top_logprobs ?? 0,
    top_p: wire.top_p ?? 1,
    truncation: wire.truncation ?? "disabled",
    user: wire.user ?? null,
  };
}

/** As OpenAI's API describes it; other words for it are taken, and not repeated. */
function showRetention(asked: string | null | undefined): ResponseSettings["prompt_cache_retention"] {
  return asked === "in_memory" || asked === "24h" ? asked : null;
}

/** The preset that was asked for, its variables as texts: what OpenAI's API describes has room for no other values. */
function showPrompt(wire: WireResponsesRequest): ResponseSettings["prompt"] {
  const { prompt } = decodePresetFields(wire, true);
  if (prompt === undefined) return null;
  const variables = Object.entries(prompt.variables).map(([name, value]) => [name, String(value)]);
  return {
    id: prompt.id,
    version: prompt.version ?? null,
    variables: variables.length === 0 ? null : Object.fromEntries(variables),
  };
}
