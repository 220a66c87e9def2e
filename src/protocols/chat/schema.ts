import { z } from "zod";
import { boolean, integer, modelName } from "../fields.ts";
import { formatFields } from "../format-words.ts";
import { maxTokensField } from "../max-tokens.ts";
import { variablesField } from "../preset-fields.ts";
import { promptLogprobsField } from "../prompt-logprobs.ts";
import { samplingFields } from "../sampling.ts";
import { serviceTier } from "../service-tier.ts";
import { streamFields } from "../stream-options.ts";
import { withAliases } from "../words/read.ts";
import { hintFields } from "./hints.ts";
import { messages } from "./messages.ts";
import { templateFields } from "./template-arguments.ts";
import { toolFields } from "./tools.ts";

const MAX_MODEL_LENGTH = 1_024;
const MAX_TOP_LOGPROBS = 20;

/**
 * The fields of `POST /v1/chat/completions` that mean something here, with OpenAI's ranges; unknown ones are ignored. `null` is as good
 * as absent. What else is known is in `words/`. Defaults are set in `decode.ts`.
 */
export const chatRequestSchema = z.object(
  withAliases("chat", {
    model: modelName(MAX_MODEL_LENGTH),
    messages: messages.describe("The conversation so far, which the model's own chat template renders."),
    n: integer(1, 128)
      .nullish()
      .describe("How many answers; each needs a slot of its own, and they take turns where there are fewer."),
    max_tokens: maxTokensField.describe(
      "The older name of `max_completion_tokens`; where both are sent they are the same.",
    ),
    max_completion_tokens: maxTokensField.describe(
      "How many tokens an answer has at most, reasoning included; until the context is full where it is left out or -1.",
    ),
    store: boolean().nullish().describe("Whether the completion is kept, to be listed and shown later."),
    service_tier: serviceTier
      .nullish()
      .describe("Whose turn comes first: `priority`, `default` or `flex`; the answer says which it was."),
    ...streamFields,
    ...samplingFields,
    ...toolFields,
    logprobs: boolean()
      .nullish()
      .describe(
        "Whether the content's tokens come with their log-probabilities, over the whole vocabulary and before temperature.",
      ),
    top_logprobs: integer(0, MAX_TOP_LOGPROBS)
      .nullish()
      .describe(
        "Of how many of the most likely tokens in each place the log-probabilities come too; needs `logprobs`.",
      ),
    prompt_logprobs: promptLogprobsField,
    // What these hold is told by `output-format.ts`.
    ...formatFields,
    ...templateFields,
    ...hintFields,
    variables: variablesField,
  }),
  { error: "an object" },
);

export type WireChatRequest = z.infer<typeof chatRequestSchema>;
