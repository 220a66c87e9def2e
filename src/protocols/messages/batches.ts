import { randomUUID } from "node:crypto";
import { z } from "zod";
import { InvalidRequestError } from "../errors.ts";
import { integer, jsonObject, listOf, string } from "../fields.ts";
import { parseWire } from "../issue.ts";

const MAX_REQUESTS = 100_000;

const requestSchema = z.object(
  {
    custom_id: string(64)
      .regex(/^[a-zA-Z0-9_-]{1,64}$/, { error: "1 to 64 letters, digits, _ and -" })
      .describe("The id of the request, unique in the batch."),
    params: jsonObject().describe("The body of the request, as for `POST /v1/messages`, not streamed."),
  },
  { error: "an object" },
);

export const newMessageBatchSchema = z.object(
  { requests: listOf(requestSchema, 1, MAX_REQUESTS).describe("The requests.") },
  { error: "an object" },
);

export type MessageBatchRequest = { readonly customId: string; readonly params: Readonly<Record<string, unknown>> };

/** Decodes the body of `POST /v1/messages/batches`. Throws `InvalidRequestError`. */
export function decodeNewMessageBatch(body: unknown): readonly MessageBatchRequest[] {
  const { requests } = parseWire(newMessageBatchSchema, body);
  const known = new Set<string>();
  return requests.map(({ custom_id: customId, params }, index) => {
    const at = `requests[${index}]`;
    if (known.has(customId)) {
      throw new InvalidRequestError(
        `'${at}.custom_id' is that of an earlier request. Give each its own.`,
        `${at}.custom_id`,
        "invalid_value",
      );
    }
    known.add(customId);
    if (params.stream !== undefined && params.stream !== false) {
      throw new InvalidRequestError(
        `'${at}.params.stream' is not allowed: a batch's answers are not streamed. Leave it out.`,
        `${at}.params.stream`,
        "invalid_value",
      );
    }
    return { customId, params };
  });
}

export function newMessageBatchId(): string {
  return `msgbatch_${randomUUID().replaceAll("-", "")}`;
}

const querySchema = z.object({
  limit: integer(1, 1_000).optional(),
  after_id: string(256).min(1).optional(),
  before_id: string(256).min(1).optional(),
});

/** Decodes the query of a list. `after_id` is the entry before the page, newest first. Throws `InvalidRequestError`. */
export function decodeMessageBatchQuery(query: Readonly<Record<string, string>>) {
  const { limit, ...rest } = query;
  const wire = parseWire(querySchema, {
    ...rest,
    ...(limit !== undefined && { limit: /^-?\d{1,9}$/.test(limit) ? Number(limit) : limit }),
  });
  return { limit: wire.limit ?? 20, after: wire.after_id, before: wire.before_id };
}

/** A stored batch, as far as clients see it. */
type KeptMessageBatch = {
  readonly id: string;
  readonly createdMs: number;
  readonly endsMs: number;
  readonly status: string;
  readonly body: string;
  readonly progress: string | null;
};

const bodySchema = z.object({
  cancelling_ms: z.number().optional(),
  completed_ms: z.number().optional(),
  failed_ms: z.number().optional(),
  expired_ms: z.number().optional(),
  cancelled_ms: z.number().optional(),
});

const count = z.int();
const progressSchema = z.object({
  total: count,
  counts: z.object({ completed: count, failed: count, expired: count, cancelled: count }),
});

/** What can't be read counts nothing: one batch must not keep the others from being listed. */
function progressOf(text: string | null): z.output<typeof progressSchema> {
  try {
    return progressSchema.parse(JSON.parse(text ?? ""));
  } catch {
    return { total: 0, counts: { completed: 0, failed: 0, expired: 0, cancelled: 0 } };
  }
}

export function hasEnded({ status }: Pick<KeptMessageBatch, "status">): boolean {
  return ["completed", "failed", "expired", "cancelled"].includes(status);
}

/** Anthropic's `message_batch`. As there, all requests count as processing until the batch has ended. */
export function encodeMessageBatch(batch: KeptMessageBatch, resultsUrl: string) {
  const body = bodySchema.parse(JSON.parse(batch.body));
  const { total, counts } = progressOf(batch.progress);
  const isEnded = hasEnded(batch);
  const endedMs = body.completed_ms ?? body.expired_ms ?? body.cancelled_ms ?? body.failed_ms;
  const of = (ended: number) => (isEnded ? ended : 0);
  return {
    id: batch.id,
    type: "message_batch",
    processing_status: isEnded ? "ended" : batch.status === "cancelling" ? "canceling" : "in_progress",
    request_counts: {
      processing: isEnded ? 0 : total,
      succeeded: of(counts.completed),
      errored: of(counts.failed),
      canceled: of(counts.cancelled),
      expired: of(counts.expired),
    },
    created_at: timeOf(batch.createdMs),
    expires_at: timeOf(batch.endsMs),
    ended_at: isEnded && endedMs !== undefined ? timeOf(endedMs) : null,
    cancel_initiated_at: body.cancelling_ms === undefined ? null : timeOf(body.cancelling_ms),
    archived_at: null,
    results_url: isEnded ? resultsUrl : null,
  };
}

const resultSchema = z.object({
  custom_id: z.string(),
  response: z.object({ status_code: z.number(), body: z.unknown() }).nullable(),
  error: z.object({ code: z.string(), message: z.string() }).nullable(),
});

/** Turns a line of a batch's own results into Anthropic's form, without a line's end. */
export function encodeMessageResult(line: string): string {
  const { custom_id, response, error } = resultSchema.parse(JSON.parse(line));
  return JSON.stringify({ custom_id, result: resultOf(response, error) });
}

function resultOf(
  response: z.infer<typeof resultSchema>["response"],
  error: z.infer<typeof resultSchema>["error"],
): object {
  if (response !== null) {
    const { status_code: status, body } = response;
    return status >= 200 && status < 300 ? { type: "succeeded", message: body } : { type: "errored", error: body };
  }
  switch (error?.code) {
    case "batch_expired":
      return { type: "expired" };
    case "batch_cancelled":
      return { type: "canceled" };
    default: {
      const told = { type: "api_error", message: error?.message ?? "The server failed." };
      return { type: "errored", error: { type: "error", error: told, request_id: null } };
    }
  }
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString();
}
