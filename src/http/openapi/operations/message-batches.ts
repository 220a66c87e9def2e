import { z } from "zod";
import { newMessageBatchSchema } from "../../../protocols/messages/batches.ts";
import type { NamedSchema, Operation } from "../operation.ts";
import { anthropicError } from "./messages.ts";
import { CHANGE_ERRORS, count, inPath, inQuery, LIST_ERRORS, LOOKUP_ERRORS } from "./shared.ts";

const time = z.string();
const batch: NamedSchema & { schema: z.ZodObject } = {
  name: "MessageBatch",
  schema: z.object({
    id: z.string(),
    type: z.literal("message_batch"),
    processing_status: z.enum(["in_progress", "canceling", "ended"]),
    request_counts: z.object({
      processing: count,
      succeeded: count,
      errored: count,
      canceled: count,
      expired: count,
    }),
    created_at: time,
    expires_at: time,
    ended_at: time.nullable(),
    cancel_initiated_at: time.nullable(),
    archived_at: z.null(),
    results_url: z.string().nullable(),
  }),
};
const shown = { 200: { description: "The batch.", content: { "application/json": batch } } };

const id = inPath("id", "The batch's id: `msgbatch_` and 32 hexadecimal digits.");
const common = { tag: "Message batches", errorBody: anthropicError } as const;

export const createMessageBatch: Operation = {
  ...common,
  method: "post",
  path: "/v1/messages/batches",
  id: "createMessageBatch",
  summary: "Creates a batch of messages",
  description:
    "Its requests run when nobody else waits, for a day at most, and continue where they were after a restart.",
  request: {
    name: "NewMessageBatch",
    schema: newMessageBatchSchema,
    examples: {
      "one message": {
        requests: [
          {
            custom_id: "sky",
            params: {
              model: "smollm2-135m-instruct",
              max_tokens: 20,
              messages: [{ role: "user", content: "Why is the sky blue?" }],
            },
          },
        ],
      },
    },
  },
  answers: shown,
  errors: CHANGE_ERRORS,
};

export const listMessageBatches: Operation = {
  ...common,
  method: "get",
  path: "/v1/messages/batches",
  id: "listMessageBatches",
  summary: "Lists batches of messages, newest first",
  parameters: [
    inQuery("limit", "The maximum number of entries; 20 by default.", z.int().min(1).max(1_000)),
    inQuery("after_id", "The id of the last entry of the previous page.", z.string()),
    inQuery("before_id", "The id of the first entry of the next page.", z.string()),
  ],
  answers: {
    200: {
      description: "A page of batches.",
      content: {
        "application/json": {
          name: "MessageBatchList",
          schema: z.object({
            data: z.array(batch.schema),
            has_more: z.boolean(),
            first_id: z.string().nullable(),
            last_id: z.string().nullable(),
          }),
        },
      },
    },
  },
  errors: LIST_ERRORS,
};

export const retrieveMessageBatch: Operation = {
  ...common,
  method: "get",
  path: "/v1/messages/batches/{id}",
  id: "retrieveMessageBatch",
  summary: "Shows a batch of messages",
  parameters: [id],
  answers: shown,
  errors: LOOKUP_ERRORS,
};

export const cancelMessageBatch: Operation = {
  ...common,
  method: "post",
  path: "/v1/messages/batches/{id}/cancel",
  id: "cancelMessageBatch",
  summary: "Cancels a batch of messages",
  parameters: [id],
  answers: shown,
  errors: [...LOOKUP_ERRORS, 415],
};

export const deleteMessageBatch: Operation = {
  ...common,
  method: "delete",
  path: "/v1/messages/batches/{id}",
  id: "deleteMessageBatch",
  summary: "Deletes a batch of messages that has ended, with its results",
  parameters: [id],
  answers: {
    200: {
      description: "It is deleted.",
      content: {
        "application/json": {
          name: "DeletedMessageBatch",
          schema: z.object({ id: z.string(), type: z.literal("message_batch_deleted") }),
        },
      },
    },
  },
  errors: [...LOOKUP_ERRORS, 400],
};

export const messageBatchResults: Operation = {
  ...common,
  method: "get",
  path: "/v1/messages/batches/{id}/results",
  id: "messageBatchResults",
  summary: "Returns the results of a batch that has ended, one a line",
  parameters: [id],
  answers: { 200: { description: "The results.", content: { "application/x-jsonl": "text" } } },
  errors: [...LOOKUP_ERRORS, 400],
};
