import type { Unprompted } from "../../generation/wish.ts";
import { decodeTemplateArguments } from "../chat/template-arguments.ts";
import type { Understood } from "../complete.ts";
import { InvalidRequestError } from "../errors.ts";
import { isSet } from "../fields.ts";
import { decodeFormat, sayFormat, textFormatOf } from "../format-words.ts";
import { decodeMaxTokens } from "../max-tokens.ts";
import { decodeMetadata } from "../metadata.ts";
import { showTextFormat } from "../output-format.ts";
import { decodePresetFields } from "../preset-fields.ts";
import { decodeEnds, decodeSampling } from "../sampling.ts";
import type { ServiceTier } from "../service-tier.ts";
import { decodeStreamOptions } from "../stream-options.ts";
import { parseBody } from "../words/read.ts";
import { decodeInput } from "./decode-items.ts";
import type { Item, ItemReference } from "./items.ts";
import type { ResponseSettings } from "./response.ts";
import { responsesRequestSchema, type WireResponsesRequest } from "./schema.ts";
import { decodeTools, showTool, showToolChoice, showTools } from "./tools.ts";

/** A decoded request for a response. Its references are not looked up yet. */
export type ResponsesRequest = Understood & {
  /** The model's id or alias from the request; undefined if it names none. */
  readonly model: string | undefined;
  readonly stream: boolean;
  readonly store: boolean;
  readonly background: boolean;
  /** Whether to generate an answer. If not, the response is only there to be continued. */
  readonly generate: boolean;
  /** Whether the oldest items may be dropped to fit the context. */
  readonly mayTruncate: boolean;
  readonly instructions: string | undefined;
  readonly previousResponseId: string | undefined;
  readonly conversationId: string | undefined;
  readonly input: readonly (Item | ItemReference)[];
  /** Extra variables for the model's chat template. */
  readonly templateArguments: Readonly<Record<string, unknown>> | undefined;
  /** The wish, without defaults. The prompt is built later from `input` and the conversation that it continues. */
  readonly wish: Unprompted;
  /** Undefined means `auto`. */
  readonly serviceTier: ServiceTier | undefined;
  /** The settings that the response repeats and that are not in the wish. */
  readonly settings: OwnSettings;
};

/** Settings that a preset may set. */
type WishedSettings =
  | "frequency_penalty"
  | "max_output_tokens"
  | "parallel_tool_calls"
  | "presence_penalty"
  | "temperature"
  | "tool_choice"
  | "top_p";

type OwnSettings = Omit<ResponseSettings, WishedSettings | "tools"> & {
  /** Undefined if the request offers none. */
  readonly tools: ResponseSettings["tools"] | undefined;
};

/**
 * Decodes the body of `POST /v1/responses`. Throws `InvalidRequestError` for the first field that is invalid or can't be honoured.
 */
export function decodeResponsesRequest(body: unknown): ResponsesRequest {
  const wire = parseBody("responses", responsesRequestSchema, body);
  refuseCombinations(wire);

  const conversationId = typeof wire.conversation === "string" ? wire.conversation : wire.conversation?.id;
  const added = addedTools(wire.input);
  const offered = isSet(wire.tools) || added.length > 0 ? [...(wire.tools ?? []), ...added] : undefined;
  const tools = decodeTools(wire, offered);
  const format = decodeFormat(wire, textFormatOf(wire.text?.format));
  const maxTokens = decodeMaxTokens(wire.max_output_tokens, "max_output_tokens");
  const wantsLogprobs = wire.include?.includes("message.output_text.logprobs") || (wire.top_logprobs ?? 0) > 0;
  return {
    model: wire.model ?? undefined,
    stream: wire.stream ?? false,
    store: wire.store ?? true,
    background: wire.background ?? false,
    generate: wire.generate ?? true,
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
    tools,
    format,
    wish: {
      ...(maxTokens !== undefined && { maxTokens }),
      ...decodeEnds(wire),
      sampling: decodeSampling(wire),
      ...tools.wish,
      ...sayFormat(wire, format, wire.text?.format),
      ...(wantsLogprobs && { logprobs: wire.top_logprobs ?? 0 }),
    },
    serviceTier: wire.service_tier ?? undefined,
    settings: decodeSettings(wire, conversationId, offered),
  };
}

/** Tools inside the input. Codex offers tools to some models this way. */
function addedTools(input: WireResponsesRequest["input"]): readonly unknown[] {
  const items = Array.isArray(input) ? input : [];
  return items.flatMap((item) => {
    const tools = item.type === "other" && item.kind === "additional_tools" ? item.fields.tools : undefined;
    return Array.isArray(tools) ? tools : [];
  });
}

/** Refuses fields that are valid alone but not together. */
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
      "A background response must be stored so that it can be fetched later. Leave 'store' out, or set it to true.",
      "store",
      "invalid_parameter_combination",
    );
  }
  decodeStreamOptions(wire);
  const isEmpty = !isSet(wire.input) || (Array.isArray(wire.input) && wire.input.length === 0);
  if (isEmpty && wire.generate !== false && !isSet(wire.previous_response_id) && !isSet(wire.conversation)) {
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
  offered: readonly unknown[] | undefined,
): OwnSettings {
  return {
    background: wire.background ?? false,
    conversation: conversationId === undefined ? null : { id: conversationId },
    instructions: wire.instructions ?? null,
    max_tool_calls: wire.max_tool_calls ?? null,
    metadata: decodeMetadata(wire.metadata),
    previous_response_id: wire.previous_response_id ?? null,
    prompt: showPrompt(wire),
    prompt_cache_key: wire.prompt_cache_key ?? null,
    prompt_cache_retention: showRetention(wire.prompt_cache_retention),
    reasoning: {
      effort: wire.reasoning?.effort ?? null,
      summary: wire.reasoning?.summary ?? wire.reasoning?.generate_summary ?? null,
    },
    safety_identifier: wire.safety_identifier ?? null,
    store: wire.store ?? true,
    text: { format: showTextFormat(wire.text?.format), verbosity: wire.text?.verbosity ?? "medium" },
    tools: offered && showTools(offered),
    top_logprobs: wire.top_logprobs ?? 0,
    truncation: wire.truncation ?? "disabled",
    user: wire.user ?? null,
  };
}

/** The settings that a response repeats, with the preset's settings and defaults. */
export function showSettings({ settings, wish: own }: ResponsesRequest, wish: Unprompted): ResponseSettings {
  const ofPreset = own.output === undefined && wish.output?.type === "schema" ? wish.output : undefined;
  const { sampling, toolChoice = { mode: "auto" }, parallelCalls = true } = wish;
  return {
    ...settings,
    frequency_penalty: sampling.frequencyPenalty ?? 0,
    max_output_tokens: wish.maxTokens ?? null,
    parallel_tool_calls: parallelCalls,
    presence_penalty: sampling.presencePenalty ?? 0,
    temperature: sampling.temperature ?? 1,
    text:
      ofPreset === undefined
        ? settings.text
        : {
            ...settings.text,
            format: showTextFormat({ type: "json_schema", ...wish.outputName, schema: ofPreset.schema }),
          },
    tool_choice: showToolChoice(toolChoice),
    tools: settings.tools ?? (wish.tools ?? []).map(showTool),
    top_p: sampling.topP ?? 1,
  };
}

/** Only OpenAI's documented values are repeated. Others are accepted, but not shown. */
function showRetention(asked: string | null | undefined): ResponseSettings["prompt_cache_retention"] {
  return asked === "in_memory" || asked === "24h" ? asked : null;
}

/** The requested preset, with its variables as strings: OpenAI's API allows no other values. */
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
