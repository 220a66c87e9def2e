import { z } from "zod";
import { newBatchSchema } from "../../../protocols/batches/batch.ts";
import type { NamedSchema, Operation } from "../operation.ts";
import { CHANGE_ERRORS, count, inPath, LIST_ERRORS, LOOKUP_ERRORS, listOf, paging } from "./shared.ts";

const time = count.nullable();
const batch: NamedSchema & { schema: z.ZodObject } = {
  name: "Batch",
  schema: z.object({
    id: z.string(),
    object: z.literal("batch"),
    endpoint: z.string(),
    model: z.string().nullable(),
    errors: z
      .object({
        object: z.literal("list"),
        data: z.array(
          z.object({
            code: z.string(),
            message: z.string(),
            param: z.string().nullable(),
            line: z.int().min(1).nullable(),
          }),
        ),
      })
      .nullable(),
    input_file_id: z.string(),
    completion_window: z.string(),
    status: z.enum([
      "validating",
      "failed",
      "in_progress",
      "finalizing",
      "completed",
      "expired",
      "cancelling",
      "cancelled",
    ]),
    output_file_id: z.string().nullable(),
    error_file_id: z.string().nullable(),
    created_at: count,
    in_progress_at: time,
    expires_at: count,
    finalizing_at: time,
    completed_at: time,
    failed_at: time,
    expired_at: time,
    cancelling_at: time,
    cancelled_at: time,
    request_counts: z.object({ total: count, completed: count, failed: count }),
    usage: z.object({
      input_tokens: count,
      input_tokens_details: z.object({ cached_tokens: count }),
      output_tokens: count,
      output_tokens_details: z.object({ reasoning_tokens: count }),
      total_tokens: count,
      // In US dollars, where it is known.
      cost: z.number().min(0).optional(),
    }),
    metadata: z.record(z.string(), z.string()).nullable(),
    // How fast it is, when it will be done, why it waits, and which other server has how many of its requests, while it runs.
    sluice: z
      .object({
        requests_per_second: z.number().nullable(),
        eta_seconds: count.nullable(),
        paused: z.string().nullable(),
        upstream: z.object({ name: z.string(), requests: count }).nullable(),
      })
      .optional(),
  }),
};
const shown = { 200: { description: "The batch.", content: { "application/json": batch } } };

const id = inPath("id", "The batch's id: `batch_` and 48 hexadecimal digits.");
const tag = "Batches";

export const createBatch: Operation = {
  method: "post",
  path: "/v1/batches",
  id: "createBatch",
  tag,
  summary: "Creates a batch from a file of requests",
  description: "Its requests run when nobody else waits, and continue where they were after a restart.",
  request: {
    name: "NewBatch",
    schema: newBatchSchema,
    examples: {
      "chat completions": {
        input_file_id: "file-00000000000000000000000000000000",
        endpoint: "/v1/chat/completions",
        completion_window: "24h",
      },
    },
  },
  answers: shown,
  errors: CHANGE_ERRORS,
};

export const listBatches: Operation = {
  method: "get",
  path: "/v1/batches",
  id: "listBatches",
  tag,
  summary: "Lists batches, newest first",
  parameters: paging("desc").filter(({ name }) => name !== "order"),
  answers: {
    200: {
      description: "A page of batches.",
      content: { "application/json": { name: "BatchList", schema: listOf(batch.schema) } },
    },
  },
  errors: LIST_ERRORS,
};

export const retrieveBatch: Operation = {
  method: "get",
  path: "/v1/batches/{id}",
  id: "retrieveBatch",
  tag,
  summary: "Shows a batch",
  parameters: [id],
  answers: shown,
  errors: LOOKUP_ERRORS,
};

export const cancelBatch: Operation = {
  method: "post",
  path: "/v1/batches/{id}/cancel",
  id: "cancelBatch",
  tag,
  summary: "Cancels a batch",
  description: "What is answered by then is in its files.",
  parameters: [id],
  answers: shown,
  errors: [...LOOKUP_ERRORS, 409, 415],
};
