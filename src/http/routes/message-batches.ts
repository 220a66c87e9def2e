import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import type { Context, Handler } from "hono";
import { newProgress } from "../../batch/progress.ts";
import { type FileBytes, newFileId } from "../../files/files.ts";
import { InvalidRequestError } from "../../protocols/errors.ts";
import {
  decodeMessageBatchQuery,
  decodeNewMessageBatch,
  encodeMessageBatch,
  encodeMessageResult,
  hasEnded,
  type MessageBatchRequest,
  newMessageBatchId,
} from "../../protocols/messages/batches.ts";
import type { BatchRecord } from "../../store/batches.ts";
import type { HttpEnv } from "../context.ts";
import { HttpError } from "../errors.ts";
import { readJson } from "../json-body.ts";
import { assertShelfRoom, type ShelfDeps, shelfOf, tenantOf } from "../tenant.ts";
import { assertFewBatches, type BatchesDeps, keyIdOf, newBatchRecord } from "./batches.ts";
import type { FilesDeps } from "./files.ts";

type MessageBatchesDeps = BatchesDeps & Pick<FilesDeps, "files">;

const ENDPOINT = "/v1/messages";
const PATH = "/v1/messages/batches";
const DAY_MS = 24 * 60 * 60 * 1000;

/** `POST /v1/messages/batches` */
export function createMessageBatch(deps: MessageBatchesDeps): Handler<HttpEnv> {
  const { files, batches, now } = deps;
  return async (c) => {
    const requests = decodeNewMessageBatch(await readJson(c));
    const own = shelfOf(c, deps);
    await assertFewBatches(own);
    assertShelfRoom(c, deps);
    const { folder } = await files();
    const inputFile = newFileId();
    await folder.receive(inputFile, linesOf(requests), tenantOf(c));
    const id = newMessageBatchId();
    const record: BatchRecord = {
      ...newBatchRecord(
        { id, kind: "anthropic", endpoint: ENDPOINT, inputFile, body: "{}" },
        keyIdOf(c),
        now(),
        DAY_MS,
      ),
      // Its requests are checked already.
      status: "in_progress",
      progress: JSON.stringify(newProgress(requests.length)),
    };
    await own.batches.add(record);
    batches.wake();
    return c.json(encode(c, record));
  };
}

/** `GET /v1/messages/batches`: newest first. */
export function listMessageBatches(deps: MessageBatchesDeps): Handler<HttpEnv> {
  return async (c) => {
    const query = decodeMessageBatchQuery(c.req.query());
    const page = await shelfOf(c, deps).batches.page({ kind: "anthropic", ...query });
    if (page === undefined) {
      const param = query.after === undefined ? "before_id" : "after_id";
      throw new InvalidRequestError(`This list has no entry with the id in '${param}'.`, param, "invalid_value");
    }
    const data = page.data.map((batch) => encode(c, batch));
    return c.json({ data, has_more: page.hasMore, first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null });
  };
}

/** `GET /v1/messages/batches/{id}` */
export function showMessageBatch(deps: MessageBatchesDeps): Handler<HttpEnv> {
  return async (c) => c.json(encode(c, await find(c, deps)));
}

/** `POST /v1/messages/batches/{id}/cancel`. Does nothing if it has ended. */
export function cancelMessageBatch(deps: MessageBatchesDeps): Handler<HttpEnv> {
  const { batches, now } = deps;
  return async (c) => {
    const { id } = await find(c, deps);
    await shelfOf(c, deps).batches.cancel(id, now());
    batches.look(id);
    batches.wake();
    return c.json(encode(c, await find(c, deps)));
  };
}

/** `DELETE /v1/messages/batches/{id}`, with its results. */
export function deleteMessageBatch(deps: MessageBatchesDeps): Handler<HttpEnv> {
  return async (c) => {
    const batch = await find(c, deps);
    if (!(await shelfOf(c, deps).batches.remove(batch.id))) throw notEnded(batch);
    const { folder } = await deps.files();
    for (const file of [batch.inputFile, batch.outputFile, batch.errorFile]) await folder.remove(file);
    return c.json({ id: batch.id, type: "message_batch_deleted" });
  };
}

/** `GET /v1/messages/batches/{id}/results`: a line for each request, as the connection takes them. */
export function showMessageResults(deps: MessageBatchesDeps): Handler<HttpEnv> {
  return async (c) => {
    const batch = await find(c, deps);
    if (!hasEnded(batch)) throw notEnded(batch);
    const { folder } = await deps.files();
    const parts = await openAll(folder, [batch.outputFile, batch.errorFile]);
    const lines = Readable.from(resultsOf(parts), { objectMode: false });
    // A generator that was never begun runs no `finally`.
    lines.on("close", () => {
      for (const part of parts) part.destroy();
    });
    return new Response(Readable.toWeb(lines), { headers: { "content-type": "application/x-jsonl" } });
  };
}

/** Opens those files that are there: all of them, or none. */
async function openAll({ read }: Pick<FileBytes, "read">, ids: readonly string[]): Promise<readonly Readable[]> {
  const opened: Readable[] = [];
  try {
    for (const id of ids) {
      const part = await read(id);
      if (part !== undefined) opened.push(part);
    }
    return opened;
  } catch (error) {
    for (const part of opened) part.destroy();
    throw error;
  }
}

async function* linesOf(requests: readonly MessageBatchRequest[]): AsyncGenerator<Uint8Array> {
  for (const { customId, params } of requests) {
    yield Buffer.from(`${JSON.stringify({ custom_id: customId, method: "POST", url: ENDPOINT, body: params })}\n`);
  }
}

async function* resultsOf(parts: readonly Readable[]): AsyncGenerator<string> {
  for (const part of parts) {
    for await (const line of createInterface({ input: part })) yield `${encodeMessageResult(line)}\n`;
  }
}

/** With the URL of its results, as the client has reached this gateway. */
function encode(c: Context<HttpEnv>, batch: BatchRecord) {
  const { origin, pathname } = new URL(c.req.url);
  const prefix = pathname.slice(0, Math.max(0, pathname.indexOf(PATH)));
  return encodeMessageBatch(batch, `${origin}${prefix}${PATH}/${batch.id}/results`);
}

async function find(c: Context<HttpEnv>, deps: ShelfDeps): Promise<BatchRecord> {
  const id = c.req.param("id") ?? "";
  const batch = await shelfOf(c, deps).batches.get("anthropic", id);
  if (batch === undefined) throw new HttpError(404, `Message batch with id '${id}' not found.`, null);
  return batch;
}

function notEnded({ id }: BatchRecord): InvalidRequestError {
  return new InvalidRequestError(
    `The message batch '${id}' has not ended. Wait for its end, or cancel it.`,
    null,
    null,
  );
}
