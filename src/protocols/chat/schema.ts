import { z } from "zod";
import { boolean, integer, string } from "../fields.ts";
import { samplingFields } from "../sampling.ts";
import { streamFields } from "../stream-options.ts";
import { messages } from "./messages.ts";

const MAX_MODEL_LENGTH = 1_024;
const MAX_HINT_LENGTH = 1_024;

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
    ...streamFields,
    ...samplingFields,

    // Hints that change no answer.
    user: string(MAX_HINT_LENGTH).nullish(),
    safety_identifier: string(MAX_HINT_LENGTH).nullish(),
    prompt_cache_key: string(MAX_HINT_LENGTH).nullish(),
    parallel_tool_calls: boolean().nullish(),
  },
  { error: "an object" },
);

export type WireChatRequest = z.infer<typeof chatRequestSchema>;
