import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import type { Context, Handler } from "hono";
import { newProgress } from "../../batch/progress.ts";
import { newFileId } from "../../files/files.ts";
import type { FileFolder } from "../../files/folder.ts";
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
import type { State } from "../../store/state.ts";
import type { HttpEnv } from "../context.ts";
import { HttpError } from "../errors.ts";
import { readJson } from "../json-body.ts";
import { assertRoom, stateOf } from "../tenant.ts";
import { assertFewBatches, type BatchesDeps, keyIdOf, newBatchRecord } from "./batches.ts";
import type { FilesDeps } from "./files.ts";

type MessageBatchesDeps = BatchesDeps & Pick<FilesDeps, "files">;

const ENDPOINT = "/v1/messages";
const PATH = "/v1/messages/batches";
const DAY_MS = 24 * 60 * 60 * 1000;

/** `POST /v1/messages/batches` */
export function createMessageBatch({ state, files, batches, now }: MessageBatchesDeps): Handler<HttpEnv> {
  return async (c) => {
    const requests = decodeNewMessageBatch(await readJson(c));
    const own = stateOf(c, state);
    assertFewBatches(own);
    assertRoom(c, own);
    const { folder } = await files();
    const inputFile = newFileId();
    await folder.receive(inputFile, linesOf(requests));
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
    own.batches.add(record);
    batches.wake();
    return c.json(encode(c, record));
  };
}

/** `GET /v1/messages/batches`: newest first. */
export function listMessageBatches({ state }: MessageBatchesDeps): Handler<HttpEnv> {
  return (c) => {
    const query = decodeMessageBatchQuery(c.req.query());
    const page = stateOf(c, state).batches.page({ kind: "anthropic", ...query });
    if (page === undefined) {
      const param = query.after === undefined ? "before_id" : "after_id";
      throw new InvalidRequestError(`This list has no entry with the id in '${param}'.`, param, "invalid_value");
    }
    const data = page.data.map((batch) => encode(c, batch));
    return c.json({ data, has_more: page.hasMore, first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null });
  };
}

/** `GET /v1/messages/batches/{id}` */
export function showMessageBatch({ state }: MessageBatchesDeps): Handler<HttpEnv> {
  return (c) => c.json(encode(c, find(c, state)));
}

/** `POST /v1/messages/batches/{id}/cancel`. Does nothing if it has ended. */
export function cancelMessageBatch({ state, batches, now }: MessageBatchesDeps): Handler<HttpEnv> {
  return (c) => {
    const { id } = find(c, state);
    stateOf(c, state).batches.cancel(id, now());
    batches.look(id);
    batches.wake();
    return c.json(encode(c, find(c, state)));
  };
}

/** `DELETE /v1/messages/batches/{id}`, with its results. */
export function deleteMessageBatch({ state, files }: MessageBatchesDeps): Handler<HttpEnv> {
  return async (c) => {
    const batch = find(c, state);
    if (!stateOf(c, state).batches.remove(batch.id)) throw notEnded(batch);
    const { folder } = await files();
    for (const file of [batch.inputFile, batch.outputFile, batch.errorFile]) await folder.remove(file);
    return c.json({ id: batch.id, type: "message_batch_deleted" });
  };
}

/** `GET /v1/messages/batches/{id}/results`: a line for each request, as the connection takes them. */
export function showMessageResults({ state, files }: MessageBatchesDeps): Handler<HttpEnv> {
  return async (c) => {
    const batch = find(c, state);
    if (!hasEnded(batch)) throw notEnded(batch);
    const { folder } = await files();
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
async function openAll({ read }: Pick<FileFolder, "read">, ids: readonly string[]): Promise<readonly Readable[]> {
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

function find(c: Context<HttpEnv>, state: State): BatchRecord {
  const id = c.req.param("id") ?? "";
  const batch = stateOf(c, state).batches.get("anthropic", id);
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
