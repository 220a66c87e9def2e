import { z } from "zod";
import { boolean, cacheHint, endUser, integer, modelName } from "../fields.ts";
import { formatFields } from "../format-words.ts";
import { maxTokensField } from "../max-tokens.ts";
import { metadata } from "../metadata.ts";
import { variablesField } from "../preset-fields.ts";
import { promptLogprobsField } from "../prompt-logprobs.ts";
import { samplingFields } from "../sampling.ts";
import { serviceTier } from "../service-tier.ts";
import { streamFields } from "../stream-options.ts";
import { withAliases } from "../words/read.ts";
import { messages } from "./messages.ts";
import { templateFields } from "./template-arguments.ts";
import { toolFields } from "./tools.ts";

const MAX_TOP_LOGPROBS = 20;
const MAX_PREDICTION_PARTS = 1_024;

const text = z.string({ error: "a string" });

/**
 * The supported fields of `POST /v1/chat/completions`, with OpenAI's ranges. Unknown fields are ignored, and `null` counts as absent.
 * Other known fields are in `words/`, defaults in `decode.ts`.
 */
export const chatRequestSchema = z.object(
  withAliases("chat", {
    model: modelName(),
    messages: messages.describe("The conversation so far. The model's own chat template renders it."),
    n: integer(1, 128)
      .nullish()
      .describe("The number of choices. Each needs its own slot; with fewer slots they take turns."),
    max_tokens: maxTokensField.describe(
      "The older name of `max_completion_tokens`. If both are sent, they must be equal.",
    ),
    max_completion_tokens: maxTokensField.describe(
      "The maximum number of tokens in an answer, reasoning included. By default or with -1, as many as fit the context.",
    ),
    store: boolean().nullish().describe("Whether to store the completion, so that it can be listed and fetched later."),
    service_tier: serviceTier
      .nullish()
      .describe("The priority in the queue: `priority`, `default` or `flex`. The answer says which was used."),
    ...streamFields,
    ...samplingFields,
    ...toolFields,
    logprobs: boolean()
      .nullish()
      .describe(
        "Whether to return the log-probabilities of the content's tokens, over the whole vocabulary and before temperature.",
      ),
    top_logprobs: integer(0, MAX_TOP_LOGPROBS)
      .nullish()
      .describe("The number of most likely tokens to return log-probabilities for at each position; needs `logprobs`."),
    prompt_logprobs: promptLogprobsField,
    // `format-words.ts` validates these.
    ...formatFields,
    ...templateFields,

    // Hints without an effect on the answer. They are validated all the same.
    user: endUser,
    safety_identifier: endUser,
    prompt_cache_key: cacheHint,
    metadata: metadata.nullish().describe("Up to 16 key-value pairs, stored with the completion."),
    prediction: z
      .object(
        {
          type: z.literal("content").describe("Only `content`."),
          content: z
            .union([text, z.array(z.object({ type: z.literal("text"), text })).max(MAX_PREDICTION_PARTS)], {
              error: "a string or array of objects",
            })
            .describe("The predicted text, as a string or as parts."),
        },
        { error: "an object" },
      )
      .nullish()
      .describe("A prediction of the answer. Has no effect."),
    variables: variablesField,
  }),
  { error: "an object" },
);

export type WireChatRequest = z.infer<typeof chatRequestSchema>;
