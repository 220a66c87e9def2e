import type { GenerationRequest, Prompt, ToolUse } from "../../generation/request.ts";
import { parseWire } from "../issue.ts";
import { refuseUnsupported } from "../refusals.ts";
import { decodeSampling } from "../sampling.ts";
import type { ServiceTier } from "../service-tier.ts";
import { decodeConversation } from "./decode-messages.ts";
import { decodeToolUse } from "./decode-tools.ts";
import { countRequestSchema, messagesRequestSchema, type WireCountRequest } from "./schema.ts";
import { REFUSALS } from "./unsupported.ts";

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
  /** What to generate. The id, the resolved model and the signal are the server's to add. */
  readonly generation: Omit<GenerationRequest, "id" | "model" | "signal" | "maxTokens"> & {
    readonly maxTokens: number;
  };
};

/** A request to count a prompt's tokens, understood: what would be generated from it, if anything were. */
export type CountRequest = {
  readonly model: string | undefined;
  readonly generation: Omit<GenerationRequest, "id" | "model" | "signal">;
};

/**
 * Understands the body of `POST /v1/messages`. Throws `InvalidRequestError` for the first thing in it that is wrong, or that this server
 * can't honour.
 */
export function decodeMessagesRequest(body: unknown): MessagesRequest {
  const wire = parseWire(messagesRequestSchema, body);
  refuseUnsupported(body, REFUSALS);
  const schema = wire.output_config?.format?.schema;
  return {
    model: wire.model ?? undefined,
    stream: wire.stream ?? false,
    showThinking: wire.thinking?.type === "disabled" || wire.thinking?.display !== "omitted",
    serviceTier: wire.service_tier === "standard_only" ? "default" : undefined,
    generation: {
      ...decodeTemplateInput(wire),
      ...(schema !== undefined && { output: { type: "schema", schema } }),
      choices: 1,
      maxTokens: wire.max_tokens,
      stop: wire.stop_sequences ?? [],
      sampling: decodeSampling({ temperature: wire.temperature, top_p: wire.top_p, top_k: wire.top_k }),
    },
  };
}

/** Understands the body of `POST /v1/messages/count_tokens`. Throws as `decodeMessagesRequest` does. */
export function decodeCountRequest(body: unknown): CountRequest {
  const wire = parseWire(countRequestSchema, body);
  refuseUnsupported(body, REFUSALS);
  return {
    model: wire.model ?? undefined,
    generation: {
      ...decodeTemplateInput(wire),
      choices: 1,
      maxTokens: undefined,
      stop: [],
      sampling: decodeSampling({}),
    },
  };
}

function decodeTemplateInput(wire: WireCountRequest): TemplateInput {
  const { messages, continueFinal } = decodeConversation(wire.system, wire.messages);
  const templateArguments = decodeTemplateArguments(wire);
  const tools = decodeToolUse(wire.tools, wire.tool_choice);
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

/** What the templates of reasoning models ask for: Qwen's know `enable_thinking`, Seed's `thinking_budget`, gpt-oss's `reasoning_effort`. */
function decodeTemplateArguments({
  thinking,
  output_config: output,
}: WireCountRequest): Readonly<Record<string, unknown>> {
  const effort = output?.effort;
  return {
    ...(thinking && { enable_thinking: thinking.type !== "disabled" }),
    ...(thinking?.type === "enabled" && { thinking_budget: thinking.budget_tokens }),
    ...(effort && { reasoning_effort: effort === "xhigh" || effort === "max" ? "high" : effort }),
  };
}
