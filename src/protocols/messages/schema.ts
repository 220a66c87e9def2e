import { z } from "zod";
import { templateFields } from "../chat/template-arguments.ts";
import { boolean, decimal, integer, jsonObject, modelName, string } from "../fields.ts";
import { neighbourFormatFields } from "../format-words.ts";
import { variablesField } from "../preset-fields.ts";
import { samplingFields } from "../sampling.ts";
import { MAX_TOOLS, toolName } from "../tools/names.ts";
import { withAliases } from "../words/read.ts";
import { messages, system } from "./blocks.ts";

const MAX_MODEL_LENGTH = 1_024;
const MAX_HINT_LENGTH = 1_024;
const MAX_STOPS = 64;
const MAX_STOP_LENGTH = 1_024;
const MAX_TOP_K = 1_000_000;
const MAX_TOOL_NAME_LENGTH = 128;
const MAX_TYPE_LENGTH = 128;
const MAX_CALLERS = 16;

const AN_OBJECT = { error: "an object" };

/** What a tool of the client's own must have is asked for in `decode-tools.ts`: the tools of Anthropic's servers have other fields. */
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
      .describe("How much to think, told to the model's template."),
    format: jsonFormat.describe("JSON that fits a schema, where the text is not to be free."),
  },
  AN_OBJECT,
);

/**
 * The fields of `POST /v1/messages/count_tokens`, which are those that make the prompt; unknown ones are ignored, and `null` is as good
 * as absent.
 */
export const countRequestSchema = z.object(
  {
    model: modelName(MAX_MODEL_LENGTH),
    messages: messages.describe("The conversation so far, which the model's own chat template renders."),
    system: system.nullish().describe("What the model is told before the conversation: a text, or blocks of text."),
    tools: z
      .array(tool, { error: "an array of objects" })
      .max(MAX_TOOLS)
      .nullish()
      .describe(
        "Tools that the model may ask the client to use; those that only Anthropic's servers run are left out, and `sluice-tools-dropped` names them.",
      ),
    tool_choice: toolChoice.nullish().describe("Whether it may, must or must not use them, or which one."),
    thinking: thinking.nullish().describe("Whether to think before the answer, told to the model's template."),
    output_config: outputConfig.nullish().describe("How much to think, and what the text has to be."),
    chat_template_kwargs: templateFields.chat_template_kwargs,
    variables: variablesField,
  },
  AN_OBJECT,
);

const stop = string(MAX_STOP_LENGTH);

/** What chat completions have beyond Anthropic's, and the ends of a text by Anthropic's own name. */
const { stop: _, temperature: _chat, ...neighbourSampling } = samplingFields;

/**
 * The fields of `POST /v1/messages` that mean something here. `cache_control` is known everywhere and changes nothing, since every
 * prompt's prefixes are kept. What else is known is in `words/`.
 */
const messagesFields = {
  ...countRequestSchema.shape,
  ...neighbourSampling,
  ...neighbourFormatFields,
  output_format: jsonFormat.describe("The older name of `output_config.format`."),
  max_tokens: integer(0, Number.MAX_SAFE_INTEGER).describe(
    "How many tokens the answer has at most, thinking included; 0 reads the prompt only.",
  ),
  stop_sequences: z
    .array(stop, { error: "an array of strings" })
    .max(MAX_STOPS)
    .nullish()
    .describe("The answer ends before the first of these texts that comes."),
  stream: boolean().nullish().describe("Whether the answer comes piece by piece, as Anthropic's named events."),

  // Not in the version 2026-10-21 of the API any more. Local models need them, so they are taken in every version.
  temperature: decimal(0, 1)
    .nullish()
    .describe("How freely tokens are drawn: 0 takes the most likely each time, 1 is as the model learned it."),
  top_p: decimal(0, 1)
    .nullish()
    .describe("Draws from the smallest set of tokens with this probability together; 0 takes the most likely alone."),
  top_k: integer(0, MAX_TOP_K).nullish().describe("Draws from so many of the most likely tokens only; 0 is off."),

  service_tier: z
    .enum(["auto", "standard_only"])
    .nullish()
    .describe("With `standard_only` its turn comes no sooner than others'; the answer's usage says which tier it was."),

  // A hint that changes no answer.
  metadata: z
    .object(
      {
        user_id: string(MAX_HINT_LENGTH)
          .nullish()
          .describe("Whose request it is, in the client's words; changes nothing."),
      },
      AN_OBJECT,
    )
    .nullish()
    .describe("About the request; changes nothing."),
};

/** The fields of `POST /v1/messages`, each under all of its names. */
export const messagesRequestSchema = z.object(withAliases("messages", messagesFields), AN_OBJECT);

/** The same where something else says how long the answer may be. */
export const boundedRequestSchema = messagesRequestSchema.extend({ max_tokens: messagesFields.max_tokens.nullish() });

export type WireCountRequest = z.infer<typeof countRequestSchema>;
export type WireTool = z.infer<typeof tool>;
export type WireToolChoice = z.infer<typeof toolChoice>;
