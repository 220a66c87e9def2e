import { z } from "zod";
import { boolean, integer, string } from "../fields.ts";
import { metadata } from "../metadata.ts";
import { textFormatField } from "../output-format.ts";
import { promptField, variablesField } from "../preset-fields.ts";
import { samplingFields } from "../sampling.ts";
import { serviceTier } from "../service-tier.ts";
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
  model: string(MAX_MODEL_LENGTH),
  input: z.union([z.string({ error: "a string" }), wireItems], { error: "a string or array of objects" }).nullish(),
  instructions: z.string({ error: "a string" }).nullish(),
  previous_response_id: id.nullish(),
  conversation: z.union([id, z.object({ id })], { error: "a string or object" }).nullish(),
  reasoning: z
    .object(
      {
        effort: z.enum(["none", "minimal", "low", "medium", "high", "xhigh", "max"]).nullish(),
        summary: z.enum(["auto", "concise", "detailed"]).nullish(),
        generate_summary: z.enum(["auto", "concise", "detailed"]).nullish(),
      },
      { error: "an object" },
    )
    .nullish(),
  text: z
    .object({ format: textFormatField, verbosity: z.enum(["low", "medium", "high"]).nullish() }, { error: "an object" })
    .nullish(),
  truncation: z.enum(["auto", "disabled"]).nullish(),
  prompt: promptField,
  variables: variablesField,
  ...toolFields,
};

/**
 * The fields of `POST /v1/responses` that mean something here, with OpenAI's ranges; unknown ones are ignored. Fields that are known but
 * can't be honoured are in `unsupported.ts`. Defaults are set in `decode.ts`.
 */
export const responsesRequestSchema = z.object(
  {
    ...promptFields,
    max_output_tokens: integer(1, Number.MAX_SAFE_INTEGER).nullish(),
    // OpenAI's bound on calls of built-in tools. There are none here, so it is kept whatever it is.
    max_tool_calls: integer(1, Number.MAX_SAFE_INTEGER).nullish(),
    temperature: samplingFields.temperature,
    top_p: samplingFields.top_p,
    top_logprobs: integer(0, 20).nullish(),
    include: z.array(includable, { error: "an array of strings" }).max(64).nullish(),
    stream: boolean().nullish(),
    stream_options: z.object({ include_obfuscation: boolean().nullish() }, { error: "an object" }).nullish(),
    store: boolean().nullish(),
    background: boolean().nullish(),
    service_tier: serviceTier.nullish(),
    metadata: metadata.nullish(),

    // llama.cpp's and chat completions', beyond OpenAI's.
    seed: samplingFields.seed,
    top_k: samplingFields.top_k,
    min_p: samplingFields.min_p,
    repeat_penalty: samplingFields.repeat_penalty,
    presence_penalty: samplingFields.presence_penalty,
    frequency_penalty: samplingFields.frequency_penalty,

    // Hints that change no answer.
    user: string(MAX_HINT_LENGTH).nullish(),
    safety_identifier: string(MAX_HINT_LENGTH).nullish(),
    prompt_cache_key: string(MAX_HINT_LENGTH).nullish(),
  },
  { error: "an object" },
);

export type WireResponsesRequest = z.infer<typeof responsesRequestSchema>;
