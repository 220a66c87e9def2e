import { randomUUID } from "node:crypto";
import { z } from "zod";
import type { Channel, Reply, Upload } from "./channel.ts";
import { brokenAnswer } from "./failures.ts";
import { readWholeJson } from "./messages.ts";

/** A batch of another server, as it tells of it. */
type ToldBatch = {
  readonly id: string;
  readonly status: string;
  readonly inputFile: string;
  readonly outputFile: string | undefined;
  readonly errorFile: string | undefined;
  readonly completed: number;
  /** What we have called it; undefined if it is not ours. */
  readonly tag: string | undefined;
  readonly createdMs: number;
  /** Why it failed as a whole. */
  readonly faults: readonly { readonly code: string; readonly message: string }[];
};

/** The files and batches of another server, by OpenAI's API. All reject with `UpstreamError`, and with the reason of `signal`. */
export type UpstreamBatches = {
  /** Stores a file of requests. Returns its id. */
  readonly upload: (file: NewFile, signal: AbortSignal) => Promise<string>;
  /** The ids of the files for batches that have this name. */
  readonly findFiles: (name: string, signal: AbortSignal) => Promise<readonly string[]>;
  readonly removeFile: (id: string, signal: AbortSignal) => Promise<void>;
  readonly content: (id: string, signal: AbortSignal) => AsyncIterable<Uint8Array>;
  readonly create: (batch: NewBatch, signal: AbortSignal) => Promise<ToldBatch>;
  /** Those with this tag that were created after `sinceMs`, in Unix ms. The oldest first. */
  readonly find: (tag: string, sinceMs: number, signal: AbortSignal) => Promise<readonly ToldBatch[]>;
  readonly get: (id: string, signal: AbortSignal) => Promise<ToldBatch>;
  readonly cancel: (id: string, signal: AbortSignal) => Promise<void>;
};

type NewFile = { readonly name: string } & Pick<Upload, "bytes" | "chunks">;

type NewBatch = {
  readonly fileId: string;
  readonly endpoint: string;
  readonly tag: string;
  /** How many gateways have it in a batch before that server. */
  readonly hops: number;
};

/** The metadata of a batch that has our tag, and its way through gateways. */
const TAG = "sluice_segment";
export const HOPS = "sluice_hops";

/** The only window that OpenAI has. */
const WINDOW = "24h";

const PAGE = 100;
/** More pages are not looked through. */
const MAX_PAGES = 100;
/** By so much clocks may differ. */
const SKEW_MS = 86_400_000;

const id = z.string().regex(/^[\w.:-]{1,256}$/);
const optionalId = id.nullish().transform((value) => value ?? undefined);
const MAX_WORDS = 200;
const MAX_FAULTS = 8;
const words = z
  .string()
  .catch("")
  .transform((text) => text.slice(0, MAX_WORDS));

const batchSchema = z
  .object({
    id,
    status: z.string().max(64),
    input_file_id: id,
    output_file_id: optionalId,
    error_file_id: optionalId,
    created_at: z.number().catch(0),
    request_counts: z
      .object({ completed: z.int().min(0).catch(0) })
      .nullish()
      .catch(undefined),
    metadata: z.record(z.string(), z.unknown()).nullish().catch(undefined),
    errors: z
      .object({ data: z.array(z.object({ code: words, message: words })) })
      .nullish()
      .catch(undefined),
  })
  .transform(({ id, status, metadata, errors, ...rest }): ToldBatch => {
    const tag = metadata?.[TAG];
    return {
      ...{ id, status, inputFile: rest.input_file_id, outputFile: rest.output_file_id, errorFile: rest.error_file_id },
      completed: rest.request_counts?.completed ?? 0,
      tag: typeof tag === "string" ? tag : undefined,
      createdMs: rest.created_at * 1000,
      faults: errors?.data.slice(0, MAX_FAULTS) ?? [],
    };
  });

const fileSchema = z.object({ id, filename: z.string().nullish() });
const listOf = <Schema extends z.ZodType>(schema: Schema) =>
  z.object({ data: z.array(schema), has_more: z.boolean().nullish() });
const batchList = listOf(batchSchema);
const fileList = listOf(fileSchema);

/** @param upstream its name @param base the path of its API, such as `/v1` */
export function createUpstreamBatches(upstream: string, channel: Channel, base: string): UpstreamBatches {
  const ask = (
    method: "GET" | "POST" | "DELETE",
    path: string,
    signal: AbortSignal,
    more: { readonly body?: object; readonly upload?: Upload; readonly headers?: Record<string, string> } = {},
  ): Promise<Reply> =>
    channel.ask({ method, path: `${base}${path}`, signal, ...more, headers: { accept: "*/*", ...more.headers } });

  async function read<T>(schema: z.ZodType<T>, reply: Promise<Reply>): Promise<T> {
    const { data, success } = schema.safeParse(await readWholeJson(upstream, await reply));
    if (!success) throw brokenAnswer(upstream, "told of a batch or a file in another form than OpenAI's");
    return data;
  }

  /** Each entry of a list, page by page, until one of them is the last that is wanted. */
  async function* entries<T extends { readonly id: string }>(
    schema: z.ZodType<{ readonly data: readonly T[]; readonly has_more?: boolean | null | undefined }>,
    path: string,
    signal: AbortSignal,
  ): AsyncGenerator<T> {
    let after: string | undefined;
    for (let page = 0; page < MAX_PAGES; page++) {
      const query = after === undefined ? "" : `&after=${encodeURIComponent(after)}`;
      const { data, has_more: hasMore } = await read(schema, ask("GET", `${path}${query}`, signal));
      yield* data;
      after = data.at(-1)?.id;
      if (hasMore !== true || after === undefined) return;
    }
  }

  return {
    async upload({ name, bytes, chunks }, signal) {
      const form = formAround(name, bytes, chunks);
      return (await read(fileSchema, ask("POST", "/files", signal, { upload: form }))).id;
    },
    async findFiles(name, signal) {
      const found: string[] = [];
      for await (const file of entries(fileList, `/files?purpose=batch&limit=${PAGE}`, signal)) {
        if (file.filename === name) found.push(file.id);
      }
      return found;
    },
    async removeFile(fileId, signal) {
      await readWholeJson(upstream, await ask("DELETE", `/files/${fileId}`, signal));
    },
    async *content(fileId, signal) {
      yield* (await ask("GET", `/files/${fileId}/content`, signal)).chunks;
    },
    create: ({ fileId, endpoint, tag, hops }, signal) => {
      const body = {
        input_file_id: fileId,
        endpoint,
        completion_window: WINDOW,
        metadata: { [TAG]: tag, [HOPS]: String(hops) },
      };
      // Servers that know it create nothing twice.
      return read(batchSchema, ask("POST", "/batches", signal, { body, headers: { "idempotency-key": tag } }));
    },
    async find(tag, sinceMs, signal) {
      const found: ToldBatch[] = [];
      for await (const batch of entries(batchList, `/batches?limit=${PAGE}`, signal)) {
        if (batch.tag === tag) found.push(batch);
        if (batch.createdMs < sinceMs - SKEW_MS) break;
      }
      return found.toReversed();
    },
    get: (batchId, signal) => read(batchSchema, ask("GET", `/batches/${batchId}`, signal)),
    async cancel(batchId, signal) {
      await read(batchSchema, ask("POST", `/batches/${batchId}/cancel`, signal, { body: {} }));
    },
  };
}

/** A form with a file for batches. */
function formAround(name: string, bytes: number, chunks: AsyncIterable<Uint8Array>): Upload {
  const boundary = `sluice-${randomUUID()}`;
  const part = (disposition: string) => `--${boundary}\r\nContent-Disposition: form-data; ${disposition}\r\n`;
  const head = Buffer.from(
    `${part('name="purpose"')}\r\nbatch\r\n${part(`name="file"; filename="${name}"`)}Content-Type: application/jsonl\r\n\r\n`,
  );
  const tail = Buffer.from(`\r\n--${boundary}--\r\n`);
  async function* all(): AsyncGenerator<Uint8Array> {
    yield head;
    yield* chunks;
    yield tail;
  }
  return {
    contentType: `multipart/form-data; boundary=${boundary}`,
    bytes: head.byteLength + bytes + tail.byteLength,
    chunks: all(),
  };
}
