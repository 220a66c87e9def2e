import { z } from "zod";
import { boolean, integer, modelName, string } from "../fields.ts";
import { formatFields } from "../format-words.ts";
import { maxTokensField } from "../max-tokens.ts";
import { promptLogprobsField } from "../prompt-logprobs.ts";
import { samplingFields } from "../sampling.ts";
import { streamFields } from "../stream-options.ts";
import { withAliases } from "../words/read.ts";
import { prompts } from "./prompts.ts";

const MAX_MODEL_LENGTH = 1_024;
const MAX_HINT_LENGTH = 1_024;
/** OpenAI's. */
const MAX_CHOICES = 128;
const MAX_BEST_OF = 20;
const MAX_LOGPROBS = 5;

/**
 * The fields of `POST /v1/completions`, with OpenAI's ranges; unknown ones are ignored. `null` is as good as absent. Defaults are set in
 * `decode.ts`.
 */
export const completionRequestSchema = z.object(
  withAliases("completions", {
    model: modelName(MAX_MODEL_LENGTH),
    prompt: prompts.describe(
      "What to go on with, without a chat template: a text, token ids, or a list of either. The beginning of a document where it is left out.",
    ),
    // The text itself is bounded by the size of the request's body.
    suffix: z
      .string({ error: "a string" })
      .nullish()
      .describe("What comes after the text that is wanted, for models that fill in the middle."),
    echo: boolean().nullish().describe("Whether the answer begins with the prompt."),
    n: integer(1, MAX_CHOICES).nullish().describe("How many answers each prompt gets."),
    best_of: integer(1, MAX_BEST_OF)
      .nullish()
      .describe("Generates so many and answers with the `n` that are the most likely; not with `stream`."),
    logprobs: integer(0, MAX_LOGPROBS)
      .nullish()
      .describe(
        "Of how many of the most likely tokens in each place the log-probabilities come, and that of the token drawn; with `echo` of the prompt's too.",
      ),
    prompt_logprobs: promptLogprobsField,
    max_tokens: maxTokensField.describe(
      "How many tokens an answer has at most; 16 where it is left out, as many as fit for -1, and 0 reads the prompt only.",
    ),
    ...streamFields,
    ...samplingFields,

    // Extensions of the servers beside this one; `format-words.ts` judges them.
    ...formatFields,

    // A hint that changes no answer.
    user: string(MAX_HINT_LENGTH).nullish().describe("Whose request it is, in the client's words; changes nothing."),
  }),
  { error: "an object" },
);

export type WireCompletionRequest = z.infer<typeof completionRequestSchema>;
