import { z } from "zod";
import { boolean, integer, string } from "../fields.ts";
import { formatFields } from "../output-format.ts";
import { samplingFields } from "../sampling.ts";
import { streamFields } from "../stream-options.ts";
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
  {
    model: string(MAX_MODEL_LENGTH),
    prompt: prompts,
    // The text itself is bounded by the size of the request's body.
    suffix: z.string({ error: "a string" }).nullish(),
    echo: boolean().nullish(),
    n: integer(1, MAX_CHOICES).nullish(),
    best_of: integer(1, MAX_BEST_OF).nullish(),
    logprobs: integer(0, MAX_LOGPROBS).nullish(),
    // OpenAI's takes 0, for the prompt's own log-probabilities, which are not available.
    max_tokens: integer(1, Number.MAX_SAFE_INTEGER).nullish(),
    ...streamFields,
    ...samplingFields,

    // Extensions of llama-server and vLLM; `output-format.ts` judges them.
    ...formatFields,

    // A hint that changes no answer.
    user: string(MAX_HINT_LENGTH).nullish(),
  },
  { error: "an object" },
);

export type WireCompletionRequest = z.infer<typeof completionRequestSchema>;
