import { z } from "zod";
import { boolean, integer, string } from "../fields.ts";
import { formatFields } from "../output-format.ts";
import { variablesField } from "../preset-fields.ts";
import { samplingFields } from "../sampling.ts";
import { serviceTier } from "../service-tier.ts";
import { streamFields } from "../stream-options.ts";
import { hintFields } from "./hints.ts";
import { messages } from "./messages.ts";
import { templateFields } from "./template-arguments.ts";
import { toolFields } from "./tools.ts";

const MAX_MODEL_LENGTH = 1_024;
const MAX_TOP_LOGPROBS = 20;

/**
 * The fields of `POST /v1/chat/completions` that mean something here, with OpenAI's ranges; unknown ones are ignored. `null` is as good
 * as absent. Fields that are known but can't be honoured are in `unsupported.ts`. Defaults are set in `decode.ts`.
 */
export const chatRequestSchema = z.object(
  {
    model: string(MAX_MODEL_LENGTH),
    messages,
    n: integer(1, 128).nullish(),
    max_tokens: integer(1, Number.MAX_SAFE_INTEGER).nullish(),
    max_completion_tokens: integer(1, Number.MAX_SAFE_INTEGER).nullish(),
    store: boolean().nullish(),
    service_tier: serviceTier.nullish(),
    ...streamFields,
    ...samplingFields,
    ...toolFields,
    logprobs: boolean().nullish(),
    top_logprobs: integer(0, MAX_TOP_LOGPROBS).nullish(),
    // What these hold is told by `output-format.ts`.
    ...formatFields,
    ...templateFields,
    ...hintFields,
    variables: variablesField,
  },
  { error: "an object" },
);

export type WireChatRequest = z.infer<typeof chatRequestSchema>;
