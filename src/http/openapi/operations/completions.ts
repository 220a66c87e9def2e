import { z } from "zod";
import { completionRequestSchema } from "../../../protocols/completions/schema.ts";
import { usage } from "../../../protocols/openai-responses.ts";
import { promptLogprobs } from "../../../protocols/prompt-logprobs.ts";
import type { Operation } from "../operation.ts";
import { describeWords } from "../words.ts";
import { CACHED_ERRORS, count } from "./shared.ts";

const logprobs = z.object({
  tokens: z.array(z.string()),
  token_logprobs: z.array(z.number().nullable()),
  top_logprobs: z.array(z.record(z.string(), z.number()).nullable()),
  text_offset: z.array(count),
});
const choice = {
  index: count,
  text: z.string(),
  logprobs: logprobs.nullable(),
  prompt_logprobs: promptLogprobs.optional(),
};
const finishReason = z.enum(["stop", "length", "content_filter"]);
const common = {
  id: z.string(),
  object: z.literal("text_completion"),
  created: count,
  model: z.string(),
  system_fingerprint: z.string(),
};

const completion = z.object({
  ...common,
  choices: z.array(z.object({ ...choice, finish_reason: finishReason })),
  usage,
});
const completionChunk = z.object({
  ...common,
  choices: z.array(z.object({ ...choice, finish_reason: finishReason.nullable() })),
  usage: usage.nullable().optional(),
});

const base = { model: "smollm2-135m-instruct", prompt: "The capital of France is", max_tokens: 30 };

export const createCompletion: Operation = {
  method: "post",
  path: "/v1/completions",
  id: "createCompletion",
  tag: "Completions",
  summary: "Continues texts, streamed or not",
  description: describeWords("completions"),
  request: {
    name: "CompletionRequest",
    schema: completionRequestSchema,
    examples: { streamed: { ...base, stream: true }, whole: base, batch: { ...base, prompt: ["One, two,", "A, B,"] } },
  },
  answers: {
    200: {
      description: "The choices; with `stream`, their parts as server-sent events, then `[DONE]`.",
      content: {
        "application/json": { name: "Completion", schema: completion },
        "text/event-stream": { name: "CompletionChunk", schema: completionChunk },
      },
    },
  },
  waits: true,
  isCached: true,
  errors: CACHED_ERRORS,
};
