import type { GenerationRequest, Prompt, ToolUse } from "../../generation/request.ts";
import { decodeTemplateArguments as decodeKwargs } from "../chat/template-arguments.ts";
import { decodeFormat, refuseBareFormat } from "../format-words.ts";
import { decodeEnds, decodeSampling, decodeStop } from "../sampling.ts";
import type { ServiceTier } from "../service-tier.ts";
import type { ToolOffer } from "../tools/offer.ts";
import { parseBody } from "../words/read.ts";
import { decodeConversation } from "./decode-messages.ts";
import { decodeToolUse } from "./decode-tools.ts";
import { countRequestSchema, messagesRequestSchema, type WireCountRequest } from "./schema.ts";

/** What the model's template renders. */
type TemplateInput = {
  readonly prompt: Extract<Prompt, { type: "chat" }>;
  readonly tools?: ToolUse;
};

/** A request for a message, understood. */
export type MessagesRequest = {
  /** The model as the client named it: an id or an alias; undefined where it named none. */
  readonly model: string | undefined;
  readonly stream: boolean;
  /** Whether the client wants to read what the model thinks. */
  readonly showThinking: boolean;
  /** In OpenAI's words. Undefined is as good as `auto`. */
  readonly serviceTier: ServiceTier | undefined;
  /** Where in the request the tools' schemas stand. */
  readonly toolPlaces: ToolOffer["places"];
  /** What of its tools the model is not told of. */
  readonly droppedTools: ToolOffer["dropped"];
  /** What to generate. The id, the resolved model and the signal are the server's to add. */
  readonly generation: Omit<GenerationRequest, "id" | "model" | "signal" | "maxTokens"> & {
    readonly maxTokens: number;
  };
};

/** A request to count a prompt's tokens, understood: what would be generated from it, if anything were. */
export type CountRequest = {
  readonly model: string | undefined;
  readonly toolPlaces: ToolOffer["places"];
  readonly droppedTools: ToolOffer["dropped"];
  readonly generation: Omit<GenerationRequest, "id" | "model" | "signal">;
};

/**
 * Understands the body of `POST /v1/messages`. Throws `InvalidRequestError` for the first thing in it that is wrong, or that this server
 * can't honour.
 */
export function decodeMessagesRequest(body: unknown): MessagesRequest {
  const wire = parseBody("messages", messagesRequestSchema, body);
  const offer = decodeToolUse(wire.tools, wire.tool_choice);
  const input = decodeTemplateInput(wire, offer);
  const schema = (wire.output_config?.format ?? wire.output_format)?.schema;
  const format = decodeFormat(wire, { "output_config.format": schema && { type: "schema", schema } });
  if (input.tools !== undefined && input.tools.choice !== "none") refuseBareFormat(format);
  return {
    model: wire.model ?? undefined,
    toolPlaces: offer.places,
    droppedTools: [...offer.dropped, ...droppedFields(body)],
    stream: wire.stream ?? false,
    showThinking: wire.thinking?.type === "disabled" || wire.thinking?.display !== "omitted",
    serviceTier: wire.service_tier === "standard_only" ? "default" : undefined,
    generation: {
      ...input,
      ...(format !== undefined && { output: format.output }),
      choices: 1,
      maxTokens: wire.max_tokens,
      stop: decodeStop({ stop: wire.stop_sequences }),
      ...decodeEnds(wire),
      sampling: decodeSampling(wire),
    },
  };
}

/** Understands the body of `POST /v1/messages/count_tokens`. Throws as `decodeMessagesRequest` does. */
export function decodeCountRequest(body: unknown): CountRequest {
  const wire = parseBody("messages", countRequestSchema, body);
  const offer = decodeToolUse(wire.tools, wire.tool_choice);
  return {
    model: wire.model ?? undefined,
    toolPlaces: offer.places,
    droppedTools: [...offer.dropped, ...droppedFields(body)],
    generation: {
      ...decodeTemplateInput(wire, offer),
      choices: 1,
      maxTokens: undefined,
      stop: [],
      sampling: decodeSampling({}),
    },
  };
}

function decodeTemplateInput(wire: WireCountRequest, offer: ToolOffer): TemplateInput {
  const { messages, continueFinal } = decodeConversation(wire.system, wire.messages);
  const templateArguments = decodeTemplateArguments(wire);
  const { use: tools } = offer;
  return {
    prompt: {
      type: "chat",
      messages,
      ...(continueFinal && { continueFinal }),
      ...(Object.keys(templateArguments).length > 0 && { templateArguments }),
    },
    ...(tools !== undefined && { tools }),
  };
}

/** Fields that offer tools which Anthropic's servers run. */
function droppedFields(body: unknown): readonly string[] {
  const isOffered = (value: unknown) =>
    value !== undefined && value !== null && !(Array.isArray(value) && value.length === 0);
  return ["mcp_servers", "container"].filter((field) => isOffered(Object(body)[field]));
}

/** What the templates of reasoning models ask for: Qwen's know `enable_thinking`, Seed's `thinking_budget`, gpt-oss's `reasoning_effort`. */
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
