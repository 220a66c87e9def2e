import { z } from "zod";
import { boolean, decimal, integer, string } from "../fields.ts";
import { variablesField } from "../preset-fields.ts";
import { messages, system } from "./blocks.ts";

const MAX_MODEL_LENGTH = 1_024;
const MAX_HINT_LENGTH = 1_024;
const MAX_STOPS = 64;
const MAX_STOP_LENGTH = 1_024;
const MAX_TOP_K = 1_000_000;
const MAX_TOOLS = 1_024;
const MAX_TOOL_NAME_LENGTH = 128;
const MAX_TYPE_LENGTH = 128;
const MAX_CALLERS = 16;

const AN_OBJECT = { error: "an object" };
const jsonObject = z.record(z.string(), z.unknown(), AN_OBJECT);

/** What a tool of the client's own must have is asked for in `decode-tools.ts`: the tools of Anthropic's servers have other fields. */
const tool = z.object(
  {
    type: string(MAX_TYPE_LENGTH).nullish(),
    name: string(MAX_TOOL_NAME_LENGTH).min(1).optional(),
    description: z.string({ error: "a string" }).nullish(),
    input_schema: jsonObject.optional(),
    strict: boolean().nullish(),
    allowed_callers: z.array(string(MAX_TYPE_LENGTH)).max(MAX_CALLERS).nullish(),
  },
  AN_OBJECT,
);

const disableParallel = boolean().nullish();

const toolChoice = z.discriminatedUnion("type", [
  z.object({ type: z.literal("auto"), disable_parallel_tool_use: disableParallel }),
  z.object({ type: z.literal("any"), disable_parallel_tool_use: disableParallel }),
  z.object({
    type: z.literal("tool"),
    name: string(MAX_TOOL_NAME_LENGTH),
    disable_parallel_tool_use: disableParallel,
  }),
  z.object({ type: z.literal("none") }),
]);

const display = z.enum(["summarized", "omitted"]).nullish();

const thinking = z.discriminatedUnion("type", [
  z.object({ type: z.literal("enabled"), budget_tokens: integer(1, Number.MAX_SAFE_INTEGER), display }),
  z.object({ type: z.literal("adaptive"), display }),
  z.object({ type: z.literal("disabled") }),
]);

const outputConfig = z.object(
  {
    effort: z.enum(["low", "medium", "high", "xhigh", "max"]).nullish(),
    format: z.discriminatedUnion("type", [z.object({ type: z.literal("json_schema"), schema: jsonObject })]).nullish(),
  },
  AN_OBJECT,
);

/**
 * The fields of `POST /v1/messages/count_tokens`, which are those that make the prompt; unknown ones are ignored, and `null` is as good
 * as absent.
 */
export const countRequestSchema = z.object(
  {
    model: string(MAX_MODEL_LENGTH),
    messages,
    system: system.nullish(),
    tools: z.array(tool, { error: "an array of objects" }).max(MAX_TOOLS).nullish(),
    tool_choice: toolChoice.nullish(),
    thinking: thinking.nullish(),
    output_config: outputConfig.nullish(),
    variables: variablesField,
  },
  AN_OBJECT,
);

const stop = string(MAX_STOP_LENGTH).min(1);

/**
 * The fields of `POST /v1/messages` that mean something here. `cache_control` is known everywhere and changes nothing, since every
 * prompt's prefixes are kept. Fields that can't be honoured are in `unsupported.ts`.
 */
export const messagesRequestSchema = countRequestSchema.extend({
  max_tokens: integer(1, Number.MAX_SAFE_INTEGER),
  stop_sequences: z.array(stop, { error: "an array of strings" }).max(MAX_STOPS).nullish(),
  stream: boolean().nullish(),

  // Not in the version 2026-10-21 of the API any more. Local models need them, so they are taken in every version.
  temperature: decimal(0, 1).nullish(),
  top_p: decimal(0, 1).nullish(),
  top_k: integer(0, MAX_TOP_K).nullish(),

  service_tier: z.enum(["auto", "standard_only"]).nullish(),

  // A hint that changes no answer.
  metadata: z.object({ user_id: string(MAX_HINT_LENGTH).nullish() }, AN_OBJECT).nullish(),
});

export type WireCountRequest = z.infer<typeof countRequestSchema>;
export type WireMessagesRequest = z.infer<typeof messagesRequestSchema>;
export type WireTool = z.infer<typeof tool>;
export type WireToolChoice = z.infer<typeof toolChoice>;
