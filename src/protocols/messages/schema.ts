import { z } from "zod";
import { templateFields } from "../chat/template-arguments.ts";
import { boolean, decimal, endUser, integer, jsonObject, modelName, string } from "../fields.ts";
import { neighbourFormatFields } from "../format-words.ts";
import { variablesField } from "../preset-fields.ts";
import { samplingFields } from "../sampling.ts";
import { MAX_TOOLS, toolName } from "../tools/names.ts";
import { withAliases } from "../words/read.ts";
import { messages, system } from "./blocks.ts";

const MAX_STOPS = 64;
const MAX_STOP_LENGTH = 1_024;
const MAX_TOP_K = 1_000_000;
const MAX_TOOL_NAME_LENGTH = 128;
const MAX_TYPE_LENGTH = 128;
const MAX_CALLERS = 16;

const AN_OBJECT = { error: "an object" };

/** `decode-tools.ts` checks the required fields, because tools of Anthropic's servers have other fields. */
const tool = z.object(
  {
    type: string(MAX_TYPE_LENGTH).nullish(),
    name: toolName.optional(),
    description: z.string({ error: "a string" }).nullish(),
    input_schema: jsonObject().optional(),
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
  z.object({ type: z.literal("between_tools"), display }),
  z.object({ type: z.literal("disabled") }),
]);

const jsonFormat = z
  .discriminatedUnion("type", [z.object({ type: z.literal("json_schema"), schema: jsonObject() })])
  .nullish();

const outputConfig = z.object(
  {
    effort: z
      .enum(["low", "medium", "high", "xhigh", "max"])
      .nullish()
      .describe("How much to think; passed to the model's chat template."),
    format: jsonFormat.describe("A JSON schema for the answer; free text by default."),
  },
  AN_OBJECT,
);

/**
 * The supported fields of `POST /v1/messages/count_tokens`, which make up the prompt. Unknown fields are ignored, and `null` counts as
 * absent.
 */
export const countRequestSchema = z.object(
  {
    model: modelName(),
    messages: messages.describe("The conversation so far. The model's own chat template renders it."),
    system: system.nullish().describe("The system prompt: a string or blocks of text."),
    tools: z
      .array(tool, { error: "an array of objects" })
      .max(MAX_TOOLS)
      .nullish()
      .describe(
        "Tools that the model may ask the client to use. Tools that only Anthropic's servers run are dropped and named in `sluice-tools-dropped`.",
      ),
    tool_choice: toolChoice.nullish().describe("Whether the model may, must or must not use tools, or which one."),
    thinking: thinking.nullish().describe("Whether to think before the answer; passed to the model's chat template."),
    output_config: outputConfig.nullish().describe("How much to think, and the format of the text."),
    chat_template_kwargs: templateFields.chat_template_kwargs,
    variables: variablesField,
  },
  AN_OBJECT,
);

const stop = string(MAX_STOP_LENGTH);

/** The sampling fields of chat completions, without those that Anthropic defines differently. */
const { stop: _, temperature: _chat, ...neighbourSampling } = samplingFields;

/**
 * The supported fields of `POST /v1/messages`. `cache_control` is accepted everywhere without effect, because the prefixes of all prompts
 * are cached. Other known fields are in `words/`.
 */
const messagesFields = {
  ...countRequestSchema.shape,
  ...neighbourSampling,
  ...neighbourFormatFields,
  output_format: jsonFormat.describe("The older name of `output_config.format`."),
  max_tokens: integer(0, Number.MAX_SAFE_INTEGER).describe(
    "The maximum number of tokens in the answer, thinking included; 0 only evaluates the prompt.",
  ),
  stop_sequences: z
    .array(stop, { error: "an array of strings" })
    .max(MAX_STOPS)
    .nullish()
    .describe("Strings that end the answer. The answer doesn't include them."),
  stream: boolean().nullish().describe("Whether to stream the answer as Anthropic's named events."),

  // Removed in version 2026-10-21 of the API. Local models need them, so every version accepts them.
  temperature: decimal(0, 1)
    .nullish()
    .describe(
      "The sampling temperature: 0 always picks the most likely token, 1 leaves the model's probabilities unchanged.",
    ),
  top_p: decimal(0, 1)
    .nullish()
    .describe(
      "Samples from the smallest set of most likely tokens with this total probability; 0 keeps only the most likely.",
    ),
  top_k: integer(0, MAX_TOP_K).nullish().describe("The number of most likely tokens to sample from; 0 turns it off."),

  service_tier: z
    .enum(["auto", "standard_only"])
    .nullish()
    .describe(
      "`standard_only` gives the request no higher priority than others. The answer's usage says which tier was used.",
    ),

  // A hint without an effect on the answer.
  metadata: z
    .object(
      {
        user_id: endUser,
      },
      AN_OBJECT,
    )
    .nullish()
    .describe("About the request. Has no effect."),
};

/** The fields of `POST /v1/messages`, including their aliases. */
export const messagesRequestSchema = z.object(withAliases("messages", messagesFields), AN_OBJECT);

/** The same with an optional `max_tokens`, for presets that set it. */
export const boundedRequestSchema = messagesRequestSchema.extend({ max_tokens: messagesFields.max_tokens.nullish() });

export type WireCountRequest = z.infer<typeof countRequestSchema>;
export type WireTool = z.infer<typeof tool>;
export type WireToolChoice = z.infer<typeof toolChoice>;
