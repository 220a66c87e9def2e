import { z } from "zod";
import { boolean, decimal, integer, listOf, modelName, string } from "../fields.ts";
import { formatFields } from "../format-words.ts";
import { maxTokensField } from "../max-tokens.ts";
import { samplingFields } from "../sampling.ts";
import { streamFields } from "../stream-options.ts";
import { withAliases } from "../words/read.ts";
import { logitBias } from "./logit-bias.ts";
import { prompts } from "./prompts.ts";

const MAX_CHOICES = 128;
const MAX_PROBABILITIES = 20;
const MAX_INDENT = 1_024;
const DAY_MS = 24 * 60 * 60 * 1_000;
const MAX_FIELDS = 128;
const MAX_NAMES = 64;
const MAX_NAME_LENGTH = 256;
const MAX_FILES = 1_024;
const MAX_FILE_NAME_LENGTH = 4_096;

const { logit_bias: _, temperature: __, ...sampling } = samplingFields;

/** The fields shared with `POST /v1/completions`, including its aliases and refusals. */
export const sharedSchema = z.object(
  withAliases("completions", {
    model: modelName(),
    max_tokens: maxTokensField.describe("As `n_predict`."),
    ...streamFields,
    ...sampling,
    ...formatFields,
  }),
  { error: "an object" },
);

/** Fields that only llama-server has, or has in another form. */
const ownFields = {
  temperature: decimal(-1, 100)
    .nullish()
    .describe("The sampling temperature; 0.8 by default. 0 or less always picks the most likely token."),
  logit_bias: logitBias
    .nullish()
    .describe(
      "Added to the logits of tokens, by token id or by a text with these tokens; `false` bans a token. At most 300.",
    ),
  n_cmpl: integer(1, MAX_CHOICES).nullish().describe("The number of choices for each prompt."),
  n: integer(1, MAX_CHOICES).nullish().describe("As `n_cmpl`."),
  n_probs: integer(0, MAX_PROBABILITIES)
    .nullish()
    .describe("The number of most likely tokens to return log-probabilities for at each position; 0 for none."),
  n_indent: integer(0, MAX_INDENT)
    .nullish()
    .describe("The least indentation of each line after the first; a line with less ends the answer."),
  t_max_predict_ms: integer(-1, DAY_MS)
    .nullish()
    .describe("The time in ms after which an answer ends with its current line; 0 and -1 turn it off."),
  return_tokens: boolean().nullish().describe("Whether to return the token ids of the answer."),
  samplers: z
    .union([string(MAX_NAMES), z.array(string(MAX_NAME_LENGTH)).max(MAX_NAMES)], {
      error: "a string or array of strings",
    })
    .nullish()
    .describe("The samplers to use, by name or letter; the others are off. Their order is fixed."),
  response_fields: z
    .array(string(MAX_NAME_LENGTH), { error: "an array of strings" })
    .max(MAX_FIELDS)
    .nullish()
    .describe("The fields to return. `timings/prompt_n` means a nested field, returned under that name."),
};

const completionFields = {
  prompt: prompts.describe(
    "The text to continue, without a chat template: a string, token ids, both mixed, or a list of such prompts.",
  ),
  ...ownFields,
};

const infillFields = {
  // The limit on the body's size also limits the texts.
  input_prefix: z.string({ error: "a string" }).nullish().describe("The text before the answer."),
  input_suffix: z.string({ error: "a string" }).nullish().describe("The text after the answer."),
  input_extra: listOf(
    z.object(
      {
        text: z.string({ error: "a string" }).nullish(),
        filename: string(MAX_FILE_NAME_LENGTH).nullish(),
      },
      { error: "an object" },
    ),
    0,
    MAX_FILES,
  )
    .nullish()
    .describe("Other files for the model to read first, the most important last."),
  prompt: z.string({ error: "a string" }).nullish().describe("Text to append to `input_prefix`."),
  ...ownFields,
};

/** llama-server's own fields of `POST /completion`. */
export const completionSchema = z.object(completionFields);
/** llama-server's own fields of `POST /infill`. */
export const infillSchema = z.object(infillFields);

export type WireShared = z.infer<typeof sharedSchema>;
export type WireOwn = Omit<z.infer<typeof completionSchema>, "prompt">;

/** All fields of `POST /completion`. Unknown fields are ignored, and `null` counts as absent. */
export const fullCompletionSchema = sharedSchema.extend(completionFields);
/** All fields of `POST /infill`. */
export const fullInfillSchema = sharedSchema.extend(infillFields);
