import { z } from "zod";
import { InvalidRequestError } from "../errors.ts";
import { string } from "../fields.ts";
import { expiresAfter, lifeOf } from "../files/file.ts";
import { parseWire } from "../issue.ts";
import { decodeMetadata, metadata } from "../metadata.ts";
import { newId } from "../responses/ids.ts";

/** The paths whose requests a batch can hold. */
const ENDPOINTS = [
  "/v1/chat/completions",
  "/v1/completions",
  "/v1/responses",
  "/v1/embeddings",
  "/v1/rerank",
  "/v1/messages",
] as const;

const UNITS_MS = { m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const MAX_WINDOW_MS = 30 * UNITS_MS.d;

export const newBatchSchema = z.object(
  {
    input_file_id: string(256).describe("The id of a file with the purpose `batch`: one request on each line."),
    endpoint: z.enum(ENDPOINTS).describe("The path of all its requests."),
    completion_window: string(16).describe(
      "The time in which it shall end, such as `24h`: a number of minutes, hours or days (`m`, `h`, `d`), 30 days at most. Requests that are not answered by then get an error.",
    ),
    metadata: metadata.nullish().describe("Up to 16 key-value pairs."),
    output_expires_after: expiresAfter
      .nullish()
      .describe("When its output and error files are removed. After --state-max-days by default."),
  },
  { error: "an object" },
);

export type NewBatch = {
  readonly id: string;
  readonly inputFileId: string;
  readonly endpoint: string;
  readonly windowMs: number;
  /** What is said of it beside, for `BatchRecord`. */
  readonly body: string;
};

const bodySchema = z.object({
  completion_window: z.string(),
  metadata: z.record(z.string(), z.string()).nullable(),
  output_expires_seconds: z.number().optional(),
  model: z.string().optional(),
  errors: z
    .object({
      object: z.literal("list"),
      data: z.array(
        z.object({
          code: z.string(),
          message: z.string(),
          param: z.string().nullable(),
          line: z.number().nullable(),
        }),
      ),
    })
    .optional(),
  in_progress_ms: z.number().optional(),
  finalizing_ms: z.number().optional(),
  cancelling_ms: z.number().optional(),
  completed_ms: z.number().optional(),
  failed_ms: z.number().optional(),
  expired_ms: z.number().optional(),
  cancelled_ms: z.number().optional(),
});

const count = z.int();
/** Of tokens: those that older versions stored may have been beyond all integers. */
const sum = z
  .number()
  .min(0)
  .catch(0)
  .transform((tokens) => Math.min(2 ** 52, Math.floor(tokens)));

const progressSchema = z.object({
  total: count,
  outputBytes: count,
  errorBytes: count,
  counts: z.object({ completed: count, failed: count, expired: count, cancelled: count }),
  usage: z.object({
    input: sum,
    cached: sum,
    output: sum,
    reasoning: sum,
    cost: z.number().min(0).catch(0).default(0),
  }),
});

/** Decodes the body of `POST /v1/batches`. Throws `InvalidRequestError`. */
export function decodeNewBatch(body: unknown): NewBatch {
  const wire = parseWire(newBatchSchema, body);
  const lifeMs = lifeOf(wire.output_expires_after);
  const pairs = wire.metadata == null ? null : decodeMetadata(wire.metadata);
  return {
    id: newId("batch"),
    inputFileId: wire.input_file_id,
    endpoint: wire.endpoint,
    windowMs: decodeWindow(wire.completion_window),
    body: JSON.stringify({
      completion_window: wire.completion_window,
      metadata: pairs,
      ...(lifeMs !== undefined && { output_expires_seconds: lifeMs / 1000 }),
    } satisfies z.input<typeof bodySchema>),
  };
}

function decodeWindow(text: string): number {
  const [, digits = "", unit = ""] = /^(\d{1,5})([mhd])$/.exec(text) ?? [];
  const ms = Number(digits) * (UNITS_MS[unit as keyof typeof UNITS_MS] ?? 0);
  if (ms > 0 && ms <= MAX_WINDOW_MS) return ms;
  throw new InvalidRequestError(
    "Invalid 'completion_window': expected a time such as '24h', in minutes, hours or days, of 30 days at most.",
    "completion_window",
    "invalid_value",
  );
}

/** When the files that a batch writes shall expire, in ms after its end; undefined if nobody said so. */
export function outputLifeOf(body: string): number | undefined {
  const { output_expires_seconds: seconds } = bodySchema.parse(JSON.parse(body));
  return seconds === undefined ? undefined : seconds * 1000;
}

/** A stored batch, as far as clients see it. */
export type KeptBatch = {
  readonly id: string;
  readonly createdMs: number;
  readonly endsMs: number;
  readonly status: string;
  readonly endpoint: string;
  readonly inputFile: string;
  readonly outputFile: string;
  readonly errorFile: string;
  readonly body: string;
  readonly progress: string | null;
};

/** What is known of it while it runs here. */
export type Live = {
  readonly perSecond: number | undefined;
  readonly secondsLeft: number | undefined;
  readonly pausedFor: string | undefined;
  /** What another server works on. */
  readonly elsewhere?: { readonly upstream: string; readonly requests: number; readonly completed: number } | undefined;
};

const ENDED = ["completed", "failed", "expired", "cancelled"];

/** OpenAI's `batch` object, and in `sluice` how fast it is and when it will be done. */
export function encodeBatch(batch: KeptBatch, live: Live | undefined) {
  const body = bodySchema.parse(JSON.parse(batch.body));
  const progress = batch.progress === null ? undefined : progressOf(batch.progress);
  const hasEnded = ENDED.includes(batch.status);
  const file = (id: string, bytes: number | undefined) => (hasEnded && (bytes ?? 0) > 0 ? id : null);
  const { input = 0, cached = 0, output = 0, reasoning = 0, cost = 0 } = progress?.usage ?? {};
  return {
    id: batch.id,
    object: "batch",
    endpoint: batch.endpoint,
    model: body.model ?? null,
    errors: body.errors ?? null,
    input_file_id: batch.inputFile,
    completion_window: body.completion_window,
    status: batch.status,
    output_file_id: file(batch.outputFile, progress?.outputBytes),
    error_file_id: file(batch.errorFile, progress?.errorBytes),
    created_at: seconds(batch.createdMs),
    in_progress_at: secondsOrNull(body.in_progress_ms),
    expires_at: seconds(batch.endsMs),
    finalizing_at: secondsOrNull(body.finalizing_ms),
    completed_at: secondsOrNull(body.completed_ms),
    failed_at: secondsOrNull(body.failed_ms),
    expired_at: secondsOrNull(body.expired_ms),
    cancelling_at: secondsOrNull(body.cancelling_ms),
    cancelled_at: secondsOrNull(body.cancelled_ms),
    request_counts: countsOf(batch.progress, hasEnded ? undefined : live),
    usage: {
      input_tokens: input,
      input_tokens_details: { cached_tokens: cached },
      output_tokens: output,
      output_tokens_details: { reasoning_tokens: reasoning },
      total_tokens: input + output,
      ...(cost > 0 && { cost }),
    },
    metadata: body.metadata,
    ...(live !== undefined && !hasEnded && { sluice: encodeLive(live) }),
  };
}

/** How many requests it has, and what became of them, also at another server. */
export function countsOf(json: string | null, live: Live | undefined) {
  const progress = json === null ? undefined : progressOf(json);
  const { completed = 0, failed = 0, expired = 0, cancelled = 0 } = progress?.counts ?? {};
  const total = progress?.total ?? 0;
  const ended = failed + expired + cancelled;
  return { total, completed: Math.min(total - ended, completed + (live?.elsewhere?.completed ?? 0)), failed: ended };
}

/** Undefined if it can't be read: one batch must not keep a list from being shown. */
function progressOf(json: string): z.infer<typeof progressSchema> | undefined {
  try {
    return progressSchema.parse(JSON.parse(json));
  } catch {
    return undefined;
  }
}

export function encodeLive({ perSecond, secondsLeft, pausedFor, elsewhere }: Live) {
  return {
    requests_per_second: perSecond === undefined ? null : Math.round(perSecond * 1000) / 1000,
    eta_seconds: secondsLeft === undefined ? null : Math.ceil(secondsLeft),
    paused: pausedFor ?? null,
    upstream: elsewhere === undefined ? null : { name: elsewhere.upstream, requests: elsewhere.requests },
  };
}

function seconds(ms: number): number {
  return Math.floor(ms / 1000);
}

function secondsOrNull(ms: number | undefined): number | null {
  return ms === undefined ? null : seconds(ms);
}
