import { z } from "zod";
import { templateFields } from "../chat/template-arguments.ts";
import { boolean, cacheHint, endUser, integer, modelName, string } from "../fields.ts";
import { neighbourFormatFields } from "../format-words.ts";
import { maxTokensField } from "../max-tokens.ts";
import { metadata } from "../metadata.ts";
import { textFormatField } from "../output-format.ts";
import { promptField, variablesField } from "../preset-fields.ts";
import { samplingFields } from "../sampling.ts";
import { serviceTier } from "../service-tier.ts";
import { withAliases } from "../words/read.ts";
import { wireItems } from "./items.ts";
import { toolFields } from "./tools.ts";

const MAX_ID_LENGTH = 256;

const id = string(MAX_ID_LENGTH).min(1);

/**
 * Extra content for a response. Only log-probabilities have an effect: the others belong to tools and inputs that don't exist here, and
 * reasoning is always plain text.
 */
const includable = z.enum([
  "message.output_text.logprobs",
  "reasoning.encrypted_content",
  "file_search_call.results",
  "web_search_call.results",
  "web_search_call.action.sources",
  "message.input_image.image_url",
  "computer_call_output.output.image_url",
  "code_interpreter_call.outputs",
]);

/** The fields that make up the prompt. `null` counts as absent. */
const promptFields = {
  model: modelName(),
  input: z
    .union([z.string({ error: "a string" }), wireItems], { error: "a string or array of objects" })
    .nullish()
    .describe(
      "A user message as a string, or items: messages, calls, their outputs, reasoning, compactions, references to stored items.",
    ),
  instructions: z.string({ error: "a string" }).nullish().describe("The system message, for this request only."),
  previous_response_id: id.nullish().describe("The id of the stored response to continue."),
  conversation: z
    .union([id, z.object({ id })], { error: "a string or object" })
    .nullish()
    .describe("The conversation to continue. The input and the output are added to it."),
  reasoning: z
    .object(
      {
        effort: z
          .enum(["none", "minimal", "low", "medium", "high", "xhigh", "max"])
          .nullish()
          .describe("How much to think; passed to the model's chat template."),
        summary: z
          .enum(["auto", "concise", "detailed"])
          .nullish()
          .describe("Has no effect: reasoning is shown in full and never summarized."),
        generate_summary: z.enum(["auto", "concise", "detailed"]).nullish().describe("The older name of `summary`."),
      },
      { error: "an object" },
    )
    .nullish()
    .describe("Settings for models that reason."),
  text: z
    .object(
      {
        format: textFormatField,
        verbosity: z
          .enum(["low", "medium", "high"])
          .nullish()
          .describe("Has no effect: open models have no such setting."),
      },
      { error: "an object" },
    )
    .nullish()
    .describe("The format of the text."),
  truncation: z
    .enum(["auto", "disabled"])
    .nullish()
    .describe("`auto` drops the oldest items if not all fit into the context."),
  prompt: promptField,
  variables: variablesField,
  ...toolFields,
};

/**
 * The supported fields of `POST /v1/responses`, with OpenAI's ranges. Unknown fields are ignored. Other known fields are in `words/`,
 * defaults in `decode.ts`.
 */
export const responsesRequestSchema = z.object(
  withAliases("responses", {
    ...promptFields,
    max_output_tokens: maxTokensField.describe(
      "The maximum number of tokens in the answer, reasoning included. By default or with -1, as many as fit the context.",
    ),
    // OpenAI's limit on calls of built-in tools. There are none here, so it is only stored.
    max_tool_calls: integer(1, Number.MAX_SAFE_INTEGER)
      .nullish()
      .describe("A limit on calls of built-in tools. There are none, so it is only stored with the response."),
    top_logprobs: integer(0, 20)
      .nullish()
      .describe("The number of most likely tokens to return log-probabilities for at each position."),
    include: z
      .array(includable, { error: "an array of strings" })
      .max(64)
      .nullish()
      .describe("Extra content for the answer; only the log-probabilities of its text are supported."),
    stream: boolean().nullish().describe("Whether to stream the response as typed server-sent events."),
    stream_options: z
      .object(
        { include_obfuscation: boolean().nullish().describe("Changes nothing: streams are not padded.") },
        { error: "an object" },
      )
      .nullish()
      .describe("Options for streams; only with `stream`."),
    store: boolean().nullish().describe("Whether to store the response; true by default."),
    background: boolean()
      .nullish()
      .describe("Whether to answer at once and generate in the background; needs `store`."),
    generate: boolean()
      .nullish()
      .describe("`false` generates nothing. The response has no output, but can be continued."),
    metadata: metadata.nullish().describe("Up to 16 key-value pairs, stored with the response."),
    service_tier: serviceTier
      .nullish()
      .describe("The priority in the queue: `priority`, `default` or `flex`. The answer says which was used."),

    // `temperature` and `top_p` are OpenAI's; the others are from chat completions and other servers.
    ...samplingFields,
    ...neighbourFormatFields,
    chat_template_kwargs: templateFields.chat_template_kwargs,
    enable_thinking: templateFields.enable_thinking,

    // Hints without an effect on the answer.
    user: endUser,
    safety_identifier: endUser,
    prompt_cache_key: cacheHint,
    prompt_cache_retention: cacheHint,
  }),
  { error: "an object" },
);

/** The supported fields of `POST /v1/responses/compact`. */
export const compactRequestSchema = z.object(
  {
    model: promptFields.model,
    input: promptFields.input,
    instructions: promptFields.instructions,
    previous_response_id: promptFields.previous_response_id,
    service_tier: serviceTier.nullish().describe("The priority in the queue: `priority`, `default` or `flex`."),
    prompt_cache_key: cacheHint,
  },
  { error: "an object" },
);

export type WireResponsesRequest = z.infer<typeof responsesRequestSchema>;
