import { chatRequestSchema } from "../../../protocols/chat/schema.ts";
import { chatCompletion, chatCompletionChunk } from "../../../protocols/openai-responses.ts";
import type { Operation } from "../operation.ts";
import { describeWords } from "../words.ts";
import { CACHED_ERRORS } from "./shared.ts";

const base = {
  model: "smollm2-135m-instruct",
  messages: [{ role: "user", content: "Why is the sky blue?" }],
  // A small model may never end by itself.
  max_tokens: 100,
};

export const createChatCompletion: Operation = {
  method: "post",
  path: "/v1/chat/completions",
  id: "createChatCompletion",
  tag: "Chat",
  summary: "Answers a conversation, streamed or not",
  description: describeWords("chat"),
  request: {
    name: "ChatCompletionRequest",
    schema: chatRequestSchema,
    examples: { streamed: { ...base, stream: true }, whole: base },
  },
  answers: {
    200: {
      description: "The answer; with `stream`, chunks as server-sent events, then `[DONE]`.",
      content: {
        "application/json": { name: "ChatCompletion", schema: chatCompletion },
        "text/event-stream": { name: "ChatCompletionChunk", schema: chatCompletionChunk },
      },
    },
  },
  waits: true,
  isCached: true,
  errors: CACHED_ERRORS,
};
