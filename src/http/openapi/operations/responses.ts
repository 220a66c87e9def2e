import { z } from "zod";
import { compactRequestSchema, responsesRequestSchema } from "../../../protocols/responses/schema.ts";
import { serviceTier } from "../../../protocols/service-tier.ts";
import type { NamedSchema, Operation } from "../operation.ts";
import { describeWords } from "../words.ts";
import { item, itemList, outputItem } from "./items.ts";
import {
  CACHED_ERRORS,
  count,
  deleted,
  inPath,
  inQuery,
  LIST_ERRORS,
  LOOKUP_ERRORS,
  paging,
  WAITING_ERRORS,
} from "./shared.ts";

const usage = z.object({
  input_tokens: count,
  input_tokens_details: z.object({ cached_tokens: count }),
  output_tokens: count,
  output_tokens_details: z.object({ reasoning_tokens: count }),
  total_tokens: count,
});

const response: NamedSchema = {
  name: "Response",
  schema: z.object({
    id: z.string(),
    object: z.literal("response"),
    created_at: count,
    completed_at: count.nullable(),
    status: z.enum(["queued", "in_progress", "completed", "incomplete", "failed", "cancelled"]),
    background: z.boolean(),
    error: z.object({ code: z.string(), message: z.string() }).nullable(),
    incomplete_details: z.object({ reason: z.string() }).nullable(),
    model: z.string(),
    output: z.array(outputItem),
    usage: usage.nullable(),
    previous_response_id: z.string().nullable(),
    conversation: z.object({ id: z.string() }).nullable(),
    metadata: z.record(z.string(), z.string()),
    service_tier: serviceTier,
  }),
};

const responseEvent: NamedSchema = {
  name: "ResponseEvent",
  schema: z.object({ type: z.string(), sequence_number: count }),
};

const whole = { "application/json": response };
const followed = { ...whole, "text/event-stream": responseEvent };

const id = inPath("id", "The response's id: `resp_` and 48 hexadecimal digits.");
const base = { model: "smollm2-135m-instruct", input: "Why is the sky blue?" };
const short = { ...base, max_output_tokens: 100 };
const ABOUT_INPUT = "The `type` of messages and references in `input` may be omitted.";

export const createResponse: Operation = {
  method: "post",
  path: "/v1/responses",
  id: "createResponse",
  tag: "Responses",
  summary: "Answers an input, with the earlier conversation, streamed or not",
  description: `${ABOUT_INPUT} ${describeWords("responses")}`,
  request: {
    name: "ResponsesRequest",
    schema: responsesRequestSchema,
    examples: { streamed: { ...short, stream: true }, whole: short },
  },
  answers: {
    200: {
      description:
        "The response, which may still be running if it is a background response; with `stream`, its events.",
      content: followed,
    },
  },
  waits: true,
  isCached: true,
  errors: CACHED_ERRORS,
};

export const connectResponses: Operation = {
  method: "get",
  path: "/v1/responses",
  id: "connectResponses",
  tag: "Responses",
  summary: "Opens a WebSocket for requesting responses",
  description:
    "With `Upgrade: websocket`. Each message is a body of `POST /v1/responses` with `type` as `response.create`, and each event of the answer " +
    "is a message. `previous_response_id` may name a response of the same connection that isn't stored.",
  answers: { 101: { description: "The connection switches to WebSocket." } },
  errors: [403, 405, 426, 503],
};

export const countResponseTokens: Operation = {
  method: "post",
  path: "/v1/responses/input_tokens",
  id: "countResponseTokens",
  tag: "Responses",
  summary: "Counts the tokens of a response's prompt",
  description: ABOUT_INPUT,
  request: { name: "InputTokensRequest", schema: responsesRequestSchema.clone(), examples: { "a question": base } },
  answers: {
    200: {
      description: "The count.",
      content: {
        "application/json": {
          name: "InputTokens",
          schema: z.object({ object: z.literal("response.input_tokens"), input_tokens: count }),
        },
      },
    },
  },
  waits: true,
  errors: WAITING_ERRORS,
};

export const compactResponse: Operation = {
  method: "post",
  path: "/v1/responses/compact",
  id: "compactResponse",
  tag: "Responses",
  summary: "Replaces a long conversation by the model's summary of it",
  description: `Send all of \`output\` back as \`input\` of the next response. ${ABOUT_INPUT}`,
  request: { name: "CompactRequest", schema: compactRequestSchema, examples: { "a question": base } },
  answers: {
    200: {
      description: "The users' messages, and an item with the summary.",
      content: {
        "application/json": {
          name: "CompactedResponse",
          schema: z.object({
            id: z.string(),
            object: z.literal("response.compaction"),
            created_at: count,
            output: z.array(item.schema),
            usage,
          }),
        },
      },
    },
  },
  waits: true,
  errors: WAITING_ERRORS,
};

export const retrieveResponse: Operation = {
  method: "get",
  path: "/v1/responses/{id}",
  id: "retrieveResponse",
  tag: "Responses",
  summary: "Shows a stored response, or streams one that runs in the background",
  parameters: [
    id,
    inQuery("stream", "`true` streams the events of a background response.", z.enum(["true", "false"])),
    inQuery("starting_after", "The number of the last event to skip.", count),
  ],
  answers: { 200: { description: "The response; with `stream`, its events.", content: followed } },
  errors: LIST_ERRORS,
};

export const deleteResponse: Operation = {
  method: "delete",
  path: "/v1/responses/{id}",
  id: "deleteResponse",
  tag: "Responses",
  summary: "Deletes a response, and cancels it if it runs",
  parameters: [id],
  answers: {
    200: {
      description: "It is deleted.",
      content: { "application/json": { name: "DeletedResponse", schema: deleted("response") } },
    },
  },
  errors: LOOKUP_ERRORS,
};

export const cancelResponse: Operation = {
  method: "post",
  path: "/v1/responses/{id}/cancel",
  id: "cancelResponse",
  tag: "Responses",
  summary: "Cancels a response that runs in the background",
  parameters: [id],
  answers: { 200: { description: "The response in its current state.", content: whole } },
  errors: [...LIST_ERRORS, 415],
};

export const listInputItems: Operation = {
  method: "get",
  path: "/v1/responses/{id}/input_items",
  id: "listInputItems",
  tag: "Responses",
  summary: "Lists the input items of a response",
  parameters: [id, ...paging("desc")],
  answers: { 200: { description: "A page of items.", content: { "application/json": itemList } } },
  errors: LIST_ERRORS,
};
