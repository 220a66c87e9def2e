import type { LiveBatch } from "../../src/live/snapshot.ts";

/** A batch as it is shown, whichever API created it. */
export type Batch = {
  readonly id: string;
  readonly createdMs: number;
  readonly endpoint: string;
  readonly model: string | undefined;
  /** In the API's words. */
  readonly status: string;
  readonly total: number;
  readonly completed: number;
  readonly failed: number;
  readonly perSecond: number | undefined;
  readonly leftMs: number | undefined;
  /** Why it waits. */
  readonly paused: string | undefined;
  /** The server that has some of its requests in a batch of its own. */
  readonly upstream?: string | undefined;
  /** Undefined until it has ended. */
  readonly endedMs: number | undefined;
  /** Why it failed. */
  readonly errors: readonly string[];
  readonly files: readonly ResultFile[];
  readonly cancelPath: string;
};

/** What a batch has written. */
export type ResultFile = { readonly label: string; readonly path: string; readonly name: string };

/** As `GET /v1/batches` lists it. */
export type OpenAiBatch = {
  readonly id: string;
  readonly created_at: number;
  readonly endpoint: string;
  readonly model: string | null;
  readonly status: string;
  readonly errors: {
    readonly data: readonly {
      readonly message: string;
      readonly param: string | null;
      readonly line: number | null;
    }[];
  } | null;
  readonly output_file_id: string | null;
  readonly error_file_id: string | null;
  readonly request_counts: { readonly total: number; readonly completed: number; readonly failed: number };
  readonly completed_at: number | null;
  readonly failed_at: number | null;
  readonly expired_at: number | null;
  readonly cancelled_at: number | null;
  readonly sluice?: Pick<LiveBatch, "requests_per_second" | "eta_seconds" | "paused"> &
    Partial<Pick<LiveBatch, "upstream">>;
};

/** As `GET /v1/messages/batches` lists it. */
export type AnthropicBatch = {
  readonly id: string;
  readonly created_at: string;
  readonly ended_at: string | null;
  readonly processing_status: "in_progress" | "canceling" | "ended";
  readonly request_counts: Readonly<Record<"processing" | "succeeded" | "errored" | "canceled" | "expired", number>>;
  readonly results_url: string | null;
};

export function fromOpenAi(batch: OpenAiBatch): Batch {
  const { id, output_file_id: output, error_file_id: error, errors, sluice } = batch;
  const endedAt = batch.completed_at ?? batch.failed_at ?? batch.expired_at ?? batch.cancelled_at;
  const file = (label: string, fileId: string | null, name: string) =>
    fileId === null ? [] : [{ label, path: `/v1/files/${encodeURIComponent(fileId)}/content`, name }];
  return {
    ...{ id, endpoint: batch.endpoint, model: batch.model ?? undefined, createdMs: batch.created_at * 1_000 },
    ...{ status: batch.status.replaceAll("_", " "), ...batch.request_counts },
    ...paceOf(sluice),
    endedMs: endedAt === null ? undefined : endedAt * 1_000,
    errors: errors?.data.map(describeError) ?? [],
    files: [...file("Answers", output, `${id}.jsonl`), ...file("Errors", error, `${id}-errors.jsonl`)],
    cancelPath: `/v1/batches/${encodeURIComponent(id)}/cancel`,
  };
}

export function fromAnthropic(batch: AnthropicBatch): Batch {
  const { id, ended_at: endedAt, request_counts: counts } = batch;
  const failed = counts.errored + counts.canceled + counts.expired;
  const path = `/v1/messages/batches/${encodeURIComponent(id)}`;
  return {
    ...{ id, endpoint: "/v1/messages", model: undefined, createdMs: Date.parse(batch.created_at) },
    status: batch.processing_status.replaceAll("_", " "),
    ...{ total: counts.processing + counts.succeeded + failed, completed: counts.succeeded, failed },
    ...paceOf(undefined),
    endedMs: endedAt === null ? undefined : Date.parse(endedAt),
    errors: [],
    files: batch.results_url === null ? [] : [{ label: "Results", path: `${path}/results`, name: `${id}.jsonl` }],
    cancelPath: `${path}/cancel`,
  };
}

/** The same batch as the gateway told it last, in this second. */
export function withLive(batch: Batch, live: LiveBatch | undefined): Batch {
  if (live === undefined || batch.endedMs !== undefined) return batch;
  return { ...batch, model: live.model ?? batch.model, ...live.request_counts, ...paceOf(live) };
}

function paceOf(told: OpenAiBatch["sluice"]): Pick<Batch, "perSecond" | "leftMs" | "paused" | "upstream"> {
  const { requests_per_second: perSecond = null, eta_seconds: left = null, paused = null, upstream } = told ?? {};
  return {
    perSecond: perSecond ?? undefined,
    leftMs: left === null ? undefined : left * 1_000,
    paused: paused ?? undefined,
    upstream: upstream?.name,
  };
}

function describeError({ line, param, message }: NonNullable<OpenAiBatch["errors"]>["data"][number]): string {
  const place = [line === null ? "" : `line ${line}`, param ?? ""].filter((part) => part !== "").join(", ");
  return place === "" ? message : `${place}: ${message}`;
}
