import { z } from "zod";
import { boolean, endUser, integer, modelName } from "../fields.ts";
import { formatFields } from "../format-words.ts";
import { maxTokensField } from "../max-tokens.ts";
import { promptLogprobsField } from "../prompt-logprobs.ts";
import { samplingFields } from "../sampling.ts";
import { streamFields } from "../stream-options.ts";
import { withAliases } from "../words/read.ts";
import { prompts } from "./prompts.ts";

/** OpenAI's limits. */
const MAX_CHOICES = 128;
const MAX_BEST_OF = 20;
const MAX_LOGPROBS = 5;

/**
 * The supported fields of `POST /v1/completions`, with OpenAI's ranges. Unknown fields are ignored, and `null` counts as absent. Defaults
 * are set in `decode.ts`.
 */
export const completionRequestSchema = z.object(
  withAliases("completions", {
    model: modelName(),
    prompt: prompts.describe(
      "The text to continue, without a chat template: a string, token ids, or a list of either. Defaults to the beginning of a document.",
    ),
    // The limit on the body's size also limits the text.
    suffix: z
      .string({ error: "a string" })
      .nullish()
      .describe("The text after the completion, for models that fill in the middle."),
    echo: boolean().nullish().describe("Whether the answer begins with the prompt."),
    n: integer(1, MAX_CHOICES).nullish().describe("The number of choices for each prompt."),
    best_of: integer(1, MAX_BEST_OF)
      .nullish()
      .describe(
        "The number of choices to generate for each prompt; the `n` most likely are returned. Not with `stream`.",
      ),
    logprobs: integer(0, MAX_LOGPROBS)
      .nullish()
      .describe(
        "The number of most likely tokens to return log-probabilities for at each position, besides the sampled token. With `echo` the prompt's tokens are included.",
      ),
    prompt_logprobs: promptLogprobsField,
    max_tokens: maxTokensField.describe(
      "The maximum number of tokens in an answer; 16 by default. -1 means as many as fit, 0 only evaluates the prompt.",
    ),
    ...streamFields,
    ...samplingFields,

    // Extensions of other servers. `format-words.ts` validates them.
    ...formatFields,

    // A hint without an effect on the answer.
    user: endUser,
  }),
  { error: "an object" },
);

export type WireCompletionRequest = z.infer<typeof completionRequestSchema>;
