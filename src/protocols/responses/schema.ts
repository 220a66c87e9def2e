import { z } from "zod";
import { templateFields } from "../chat/template-arguments.ts";
import { boolean, integer, modelName, string } from "../fields.ts";
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

const MAX_MODEL_LENGTH = 1_024;
const MAX_HINT_LENGTH = 1_024;
const MAX_ID_LENGTH = 256;

const id = string(MAX_ID_LENGTH).min(1);

/**
 * What more a response can be asked to hold. Only log-probabilities change anything: the others belong to tools and inputs that don't
 * exist here, so there is never any of them to leave out, and reasoning is given in plain text.
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

/** What a prompt is made of. `null` is as good as absent. */
const promptFields = {
  model: modelName(MAX_MODEL_LENGTH),
  input: z
    .union([z.string({ error: "a string" }), wireItems], { error: "a string or array of objects" })
    .nullish()
    .describe(
      "A text of the user's, or items: messages, calls, their results, reasoning, compactions, references to items that are kept.",
    ),
  instructions: z.string({ error: "a string" }).nullish().describe("The system's message, for this request only."),
  previous_response_id: id.nullish().describe("The stored response that this one goes on from."),
  conversation: z
    .union([id, z.object({ id })], { error: "a string or object" })
    .nullish()
    .describe("The conversation that this response goes on from and is added to."),
  reasoning: z
    .object(
      {
        effort: z
          .enum(["none", "minimal", "low", "medium", "high", "xhigh", "max"])
          .nullish()
          .describe("How much to think, told to the model's template."),
        summary: z
          .enum(["auto", "concise", "detailed"])
          .nullish()
          .describe("Changes nothing: reasoning is given in full and never summarized."),
        generate_summary: z.enum(["auto", "concise", "detailed"]).nullish().describe("The older name of `summary`."),
      },
      { error: "an object" },
    )
    .nullish()
    .describe("How the model thinks, where it does."),
  text: z
    .object(
      {
        format: textFormatField,
        verbosity: z
          .enum(["low", "medium", "high"])
          .nullish()
          .describe("Changes nothing: open models have no word for it."),
      },
      { error: "an object" },
    )
    .nullish()
    .describe("What the text has to be."),
  truncation: z
    .enum(["auto", "disabled"])
    .nullish()
    .describe("`auto` leaves out the oldest items where all don't fit into the context."),
  prompt: promptField,
  variables: variablesField,
  ...toolFields,
};

/**
 * The fields of `POST /v1/responses` that mean something here, with OpenAI's ranges; unknown ones are ignored. What else is known is in
 * `words/`. Defaults are set in `decode.ts`.
 */
export const responsesRequestSchema = z.object(
  withAliases("responses", {
    ...promptFields,
    max_output_tokens: maxTokensField.describe(
      "How many tokens the answer has at most, reasoning included; until the context is full where it is left out or -1.",
    ),
    // OpenAI's bound on calls of built-in tools. There are none here, so it is kept whatever it is.
    max_tool_calls: integer(1, Number.MAX_SAFE_INTEGER)
      .nullish()
      .describe("Bounds calls of built-in tools, of which there are none; kept with the response."),
    top_logprobs: integer(0, 20)
      .nullish()
      .describe("Of how many of the most likely tokens in each place the log-probabilities come."),
    include: z
      .array(includable, { error: "an array of strings" })
      .max(64)
      .nullish()
      .describe("What more the answer holds; only the log-probabilities of its text are to be had."),
    stream: boolean().nullish().describe("Whether the response comes as typed server-sent events."),
    stream_options: z
      .object(
        { include_obfuscation: boolean().nullish().describe("Changes nothing: streams are not padded.") },
        { error: "an object" },
      )
      .nullish()
      .describe("How a stream comes; only with `stream`."),
    store: boolean().nullish().describe("Whether the response is kept, which it is where this is left out."),
    background: boolean().nullish().describe("Answers at once, and goes on without the client; needs `store`."),
    generate: boolean()
      .nullish()
      .describe("`false` answers nothing: its response has no output, and is there to go on from."),
    metadata: metadata.nullish().describe("Up to 16 pairs of texts that are kept with the response."),
    service_tier: serviceTier
      .nullish()
      .describe("Whose turn comes first: `priority`, `default` or `flex`; the answer says which it was."),

    // `temperature` and `top_p`, and beyond OpenAI's what chat completions and the servers beside this one have.
    ...samplingFields,
    ...neighbourFormatFields,
    chat_template_kwargs: templateFields.chat_template_kwargs,
    enable_thinking: templateFields.enable_thinking,

    // Hints that change no answer.
    user: string(MAX_HINT_LENGTH).nullish().describe("Whose request it is, in the client's words; changes nothing."),
    safety_identifier: string(MAX_HINT_LENGTH)
      .nullish()
      .describe("Whose request it is, in the client's words; changes nothing."),
    prompt_cache_key: string(MAX_HINT_LENGTH)
      .nullish()
      .describe("Changes nothing: the prefixes of all prompts are kept."),
    prompt_cache_retention: string(MAX_HINT_LENGTH)
      .nullish()
      .describe("Changes nothing: the prefixes of all prompts are kept."),
  }),
  { error: "an object" },
);

/** The fields of `POST /v1/responses/compact`, in the same way. */
export const compactRequestSchema = z.object(
  {
    model: promptFields.model,
    input: promptFields.input,
    instructions: promptFields.instructions,
    previous_response_id: promptFields.previous_response_id,
    service_tier: serviceTier.nullish().describe("Whose turn comes first: `priority`, `default` or `flex`."),
    prompt_cache_key: string(MAX_HINT_LENGTH)
      .nullish()
      .describe("Changes nothing: the prefixes of all prompts are kept."),
  },
  { error: "an object" },
);

export type WireResponsesRequest = z.infer<typeof responsesRequestSchema>;
