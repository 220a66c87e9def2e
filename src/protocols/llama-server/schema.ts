import { z } from "zod";
import { boolean, decimal, integer, listOf, modelName, string } from "../fields.ts";
import { formatFields } from "../format-words.ts";
import { maxTokensField } from "../max-tokens.ts";
import { samplingFields } from "../sampling.ts";
import { streamFields } from "../stream-options.ts";
import { withAliases } from "../words/read.ts";
import { logitBias } from "./logit-bias.ts";
import { prompts } from "./prompts.ts";

const MAX_MODEL_LENGTH = 1_024;
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

/** What these requests have in common with `POST /v1/completions`, read by its rules: its other names and its refusals hold too. */
export const sharedSchema = z.object(
  withAliases("completions", {
    model: modelName(MAX_MODEL_LENGTH),
    max_tokens: maxTokensField.describe("As `n_predict`."),
    ...streamFields,
    ...sampling,
    ...formatFields,
  }),
  { error: "an object" },
);

/** What llama-server has of its own, or has in another form. */
const ownFields = {
  temperature: decimal(-1, 100)
    .nullish()
    .describe("How freely tokens are drawn; 0.8 where it is left out. 0 and below takes the most likely each time."),
  logit_bias: logitBias
    .nullish()
    .describe("Added to the logits of tokens, by id or by a text whose tokens are meant; `false` bans. 300 at most."),
  n_cmpl: integer(1, MAX_CHOICES).nullish().describe("How many answers each prompt gets."),
  n: integer(1, MAX_CHOICES).nullish().describe("As `n_cmpl`."),
  n_probs: integer(0, MAX_PROBABILITIES)
    .nullish()
    .describe("Of how many of the most likely tokens in each place the log-probabilities come; 0 is none."),
  n_indent: integer(0, MAX_INDENT)
    .nullish()
    .describe("An answer ends before its first line, after the one it begins in, with less white space in front."),
  t_max_predict_ms: integer(-1, DAY_MS)
    .nullish()
    .describe("An answer that has been written for so long ends with its line; 0 and -1 are off."),
  return_tokens: boolean().nullish().describe("Whether the ids of the answer's tokens come too."),
  samplers: z
    .union([string(MAX_NAMES), z.array(string(MAX_NAME_LENGTH)).max(MAX_NAMES)], {
      error: "a string or array of strings",
    })
    .nullish()
    .describe("Which samplers act, by their names or letters; the others are off. They come in an order of their own."),
  response_fields: z
    .array(string(MAX_NAME_LENGTH), { error: "an array of strings" })
    .max(MAX_FIELDS)
    .nullish()
    .describe("Which fields the answer has: `timings/prompt_n` is one of an inner object, under that name."),
};

const completionFields = {
  prompt: prompts.describe(
    "What to go on with, without a chat template: a text, token ids, both mixed, or a list of several such prompts.",
  ),
  ...ownFields,
};

const infillFields = {
  // The texts themselves are bounded by the size of the request's body.
  input_prefix: z.string({ error: "a string" }).nullish().describe("What comes before the text that is wanted."),
  input_suffix: z.string({ error: "a string" }).nullish().describe("What comes after it."),
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
    .describe("What else the model reads before, the most important last: pieces of files."),
  prompt: z.string({ error: "a string" }).nullish().describe("Goes on from the end of `input_prefix`."),
  ...ownFields,
};

/** llama-server's own fields of `POST /completion`. */
export const completionSchema = z.object(completionFields);
/** llama-server's own fields of `POST /infill`. */
export const infillSchema = z.object(infillFields);

export type WireShared = z.infer<typeof sharedSchema>;
export type WireOwn = Omit<z.infer<typeof completionSchema>, "prompt">;

/** All fields of `POST /completion`, unknown ones are ignored. `null` is as good as absent. */
export const fullCompletionSchema = sharedSchema.extend(completionFields);
/** All fields of `POST /infill`, likewise. */
export const fullInfillSchema = sharedSchema.extend(infillFields);
