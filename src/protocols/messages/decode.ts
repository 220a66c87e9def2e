import type { Prompt } from "../../generation/request.ts";
import type { Wish } from "../../generation/wish.ts";
import { decodeTemplateArguments as decodeKwargs } from "../chat/template-arguments.ts";
import type { Understood } from "../complete.ts";
import { isSet } from "../fields.ts";
import { decodeFormat, sayFormat } from "../format-words.ts";
import { decodeEnds, decodeSampling } from "../sampling.ts";
import type { ServiceTier } from "../service-tier.ts";
import { parseBody } from "../words/read.ts";
import { decodeConversation } from "./decode-messages.ts";
import { decodeTools } from "./decode-tools.ts";
import { boundedRequestSchema, countRequestSchema, messagesRequestSchema, type WireCountRequest } from "./schema.ts";

/** A decoded request for a message. */
export type MessagesRequest = CountRequest & {
  readonly stream: boolean;
  /** Whether the client wants to see the thinking. */
  readonly showThinking: boolean;
  /** OpenAI's name of the tier. Undefined means `auto`. */
  readonly serviceTier: ServiceTier | undefined;
};

/** A decoded request to count a prompt's tokens. */
export type CountRequest = Understood & {
  /** The model's id or alias from the request; undefined if it names none. */
  readonly model: string | undefined;
  /** Fields that offer unavailable tools. */
  readonly droppedFields: readonly string[];
  /** The wish, without defaults. */
  readonly wish: Wish;
};

/**
 * Decodes the body of `POST /v1/messages`. Throws `InvalidRequestError` for the first field that is invalid or can't be honoured.
 *
 * @param isBounded whether a preset limits the answer, so that `max_tokens` is optional
 */
export function decodeMessagesRequest(body: unknown, isBounded = false): MessagesRequest {
  const wire = parseBody("messages", isBounded ? boundedRequestSchema : messagesRequestSchema, body);
  const count = decodeCount(wire, body);
  const own = wire.output_config?.format ?? wire.output_format;
  const schema = own?.schema;
  const format = decodeFormat(wire, { "output_config.format": schema && { type: "schema", schema } });
  return {
    ...count,
    format,
    stream: wire.stream ?? false,
    showThinking: wire.thinking?.type === "disabled" || wire.thinking?.display !== "omitted",
    serviceTier: wire.service_tier === "standard_only" ? "default" : undefined,
    wish: {
      ...count.wish,
      ...sayFormat(wire, format, own),
      ...(isSet(wire.max_tokens) && { maxTokens: wire.max_tokens }),
      ...decodeEnds(wire, wire.stop_sequences),
      sampling: decodeSampling(wire),
    },
  };
}

/** Decodes the body of `POST /v1/messages/count_tokens`. Throws as `decodeMessagesRequest` does. */
export function decodeCountRequest(body: unknown): CountRequest {
  return decodeCount(parseBody("messages", countRequestSchema, body), body);
}

function decodeCount(wire: WireCountRequest, body: unknown): CountRequest {
  const tools = decodeTools(wire.tools, wire.tool_choice);
  return {
    model: wire.model ?? undefined,
    tools,
    format: undefined,
    droppedFields: droppedFields(body),
    wish: { prompt: decodePrompt(wire), ...tools.wish, sampling: {} },
  };
}

function decodePrompt(wire: WireCountRequest): Prompt {
  const { messages, continueFinal } = decodeConversation(wire.system, wire.messages);
  const templateArguments = decodeTemplateArguments(wire);
  return {
    type: "chat",
    messages,
    ...(continueFinal && { continueFinal }),
    ...(Object.keys(templateArguments).length > 0 && { templateArguments }),
  };
}

/** The fields that offer tools on Anthropic's servers. */
function droppedFields(body: unknown): readonly string[] {
  const isOffered = (value: unknown) =>
    value !== undefined && value !== null && !(Array.isArray(value) && value.length === 0);
  return ["mcp_servers", "container"].filter((field) => isOffered(Object(body)[field]));
}

/** The variables of reasoning models' templates: `enable_thinking` (Qwen), `thinking_budget` (Seed), `reasoning_effort` (gpt-oss). */
function decodeTemplateArguments({
  thinking,
  output_config: output,
  chat_template_kwargs,
}: WireCountRequest): Readonly<Record<string, unknown>> {
  const effort = output?.effort;
  return {
    ...(thinking && { enable_thinking: thinking.type !== "disabled" }),
    ...(thinking?.type === "enabled" && { thinking_budget: thinking.budget_tokens }),
    ...(effort && { reasoning_effort: effort === "xhigh" || effort === "max" ? "high" : effort }),
    ...decodeKwargs({ chat_template_kwargs }),
  };
}
