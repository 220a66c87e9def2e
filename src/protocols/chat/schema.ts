import { z } from "zod";
import { A_DECIMAL, AN_INTEGER, boolean, decimal, integer, string } from "../fields.ts";
import { messages } from "./messages.ts";

const MAX_MODEL_LENGTH = 1_024;
const MAX_HINT_LENGTH = 1_024;
const MAX_STOPS = 4;
const MAX_STOP_LENGTH = 1_024;
const MAX_TOP_K = 1_000_000;

const stop = string(MAX_STOP_LENGTH).min(1);

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
    stop: z.union([stop, z.array(stop).max(MAX_STOPS)], { error: "a string or array of strings" }).nullish(),
    stream: boolean().nullish(),
    stream_options: z.object({ include_usage: boolean().nullish() }, { error: "an object" }).nullish(),
    temperature: decimal(0, 2).nullish(),
    top_p: decimal(0, 1).nullish(),
    presence_penalty: decimal(-2, 2).nullish(),
    frequency_penalty: decimal(-2, 2).nullish(),
    logit_bias: z.record(z.string().regex(/^\d{1,10}$/), decimal(-100, 100), { error: "an object" }).nullish(),
    // An int64 in OpenAI's API, beyond what z.int() takes.
    seed: z
      .number({ error: AN_INTEGER })
      .multipleOf(1, { error: AN_INTEGER })
      .min(-(2 ** 63), { error: AN_INTEGER })
      .max(2 ** 63, { error: AN_INTEGER })
      .nullish(),

    // llama.cpp's. −1 is "off" for top_k in vLLM and in older llama.cpp.
    top_k: integer(-1, MAX_TOP_K).nullish(),
    min_p: decimal(0, 1).nullish(),
    repeat_penalty: z.number({ error: A_DECIMAL }).gt(0, { error: A_DECIMAL }).max(10, { error: A_DECIMAL }).nullish(),

    // Hints that change no answer.
    user: string(MAX_HINT_LENGTH).nullish(),
    safety_identifier: string(MAX_HINT_LENGTH).nullish(),
    prompt_cache_key: string(MAX_HINT_LENGTH).nullish(),
    parallel_tool_calls: boolean().nullish(),
  },
  { error: "an object" },
);

export type WireChatRequest = z.infer<typeof chatRequestSchema>;
