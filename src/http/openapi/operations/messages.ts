import { z } from "zod";
import { countRequestSchema, messagesRequestSchema } from "../../../protocols/messages/schema.ts";
import type { NamedSchema, Operation } from "../operation.ts";
import { describeWords } from "../words.ts";
import { CACHED_ERRORS, count, GENERATION_ERRORS } from "./shared.ts";

export const anthropicError: NamedSchema = {
  name: "AnthropicError",
  schema: z.object({
    type: z.literal("error"),
    error: z.object({ type: z.string(), message: z.string() }),
    request_id: z.string(),
  }),
};

const message = z.object({
  id: z.string(),
  type: z.literal("message"),
  role: z.literal("assistant"),
  model: z.string(),
  content: z.array(
    z.discriminatedUnion("type", [
      z.object({ type: z.literal("text"), text: z.string(), citations: z.null() }),
      z.object({ type: z.literal("thinking"), thinking: z.string(), signature: z.string() }),
      z.object({
        type: z.literal("tool_use"),
        id: z.string(),
        name: z.string(),
        input: z.record(z.string(), z.unknown()),
      }),
    ]),
  ),
  stop_reason: z
    .enum(["end_turn", "max_tokens", "stop_sequence", "tool_use", "refusal", "model_context_window_exceeded"])
    .nullable(),
  stop_sequence: z.string().nullable(),
  usage: z.object({
    input_tokens: count,
    cache_creation_input_tokens: count,
    cache_read_input_tokens: count,
    output_tokens: count,
    service_tier: z.enum(["standard", "priority", "batch"]),
  }),
});

const messageEvent = z.object({
  type: z.enum([
    "message_start",
    "content_block_start",
    "content_block_delta",
    "content_block_stop",
    "message_delta",
    "message_stop",
    "ping",
    "error",
  ]),
});

const question = {
  model: "smollm2-135m-instruct",
  messages: [{ role: "user", content: "Why is the sky blue?" }],
};
const base = { ...question, max_tokens: 100 };

export const createMessage: Operation = {
  method: "post",
  path: "/v1/messages",
  id: "createMessage",
  tag: "Messages",
  summary: "Answers a conversation in Anthropic's form, streamed or not",
  description: describeWords("messages"),
  request: {
    name: "MessagesRequest",
    schema: messagesRequestSchema,
    examples: { streamed: { ...base, stream: true }, whole: base },
  },
  answers: {
    200: {
      description: "The message; with `stream`, Anthropic's server-sent events.",
      content: {
        "application/json": { name: "Message", schema: message },
        "text/event-stream": { name: "MessageEvent", schema: messageEvent },
      },
    },
  },
  waits: true,
  isCached: true,
  errors: [...CACHED_ERRORS, 529],
  errorBody: anthropicError,
};

export const countMessageTokens: Operation = {
  method: "post",
  path: "/v1/messages/count_tokens",
  id: "countMessageTokens",
  tag: "Messages",
  summary: "Counts the tokens of a message's prompt",
  request: { name: "CountTokensRequest", schema: countRequestSchema, examples: { "a question": question } },
  answers: {
    200: {
      description: "The count.",
      content: { "application/json": { name: "TokensCount", schema: z.object({ input_tokens: count }) } },
    },
  },
  errors: [...GENERATION_ERRORS, 529],
  errorBody: anthropicError,
};
