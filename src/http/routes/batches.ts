import type { Context, Handler } from "hono";
import type { Batches } from "../../batch/open.ts";
import { decodeNewBatch, encodeBatch } from "../../protocols/batches/batch.ts";
import { InvalidRequestError } from "../../protocols/errors.ts";
import { decodePaging, encodeList } from "../../protocols/paging.ts";
import type { BatchRecord, LiveBatch } from "../../store/batches.ts";
import type { Shelf } from "../../store/shelf.ts";
import type { HttpEnv } from "../context.ts";
import { HttpError } from "../errors.ts";
import { readJson } from "../json-body.ts";
import { assertShelfRoom, type ShelfDeps, shelfOf } from "../tenant.ts";
import { afterNotFound } from "./responses-stored.ts";

export type BatchesDeps = ShelfDeps & {
  readonly batches: Pick<Batches, "wake" | "look" | "live">;
  /** The time in Unix ms. */
  readonly now: () => number;
};

/** More than these wait for nobody. */
const MAX_UNFINISHED = 1_000;

/** `POST /v1/batches` */
export function createBatch(deps: BatchesDeps): Handler<HttpEnv> {
  const { batches, now } = deps;
  return async (c) => {
    const { id, inputFileId, endpoint, windowMs, body } = decodeNewBatch(await readJson(c));
    const own = shelfOf(c, deps);
    const input = await own.files.get(inputFileId);
    if (input === undefined) throw wrongInput(`No such File object: ${inputFileId}`);
    if (input.purpose !== "batch") {
      throw wrongInput(
        `The file '${inputFileId}' has the purpose '${input.purpose}'. Upload it with the purpose 'batch'.`,
      );
    }
    await assertFewBatches(own);
    assertShelfRoom(c, deps);
    const record = newBatchRecord(
      { id, kind: "openai", endpoint, inputFile: input.id, body },
      keyIdOf(c),
      now(),
      windowMs,
    );
    await own.batches.add(record);
    batches.wake();
    return c.json(encodeBatch(record, undefined));
  };
}

/** `GET /v1/batches`: newest first. */
export function listBatches(deps: BatchesDeps): Handler<HttpEnv> {
  return async (c) => {
    const { limit, after } = decodePaging(c.req.query(), "desc");
    const page = await shelfOf(c, deps).batches.page({ kind: "openai", limit, after });
    if (page === undefined) throw afterNotFound(after);
    return c.json(
      encodeList(
        page.data.map((batch) => encodeBatch(batch, liveOf(batch, deps))),
        page.hasMore,
      ),
    );
  };
}

/** `GET /v1/batches/{id}` */
export function showBatch(deps: BatchesDeps): Handler<HttpEnv> {
  return async (c) => {
    const batch = await find(c, deps);
    return c.json(encodeBatch(batch, liveOf(batch, deps)));
  };
}

/** `POST /v1/batches/{id}/cancel`. May be repeated while it ends. */
export function cancelBatch(deps: BatchesDeps): Handler<HttpEnv> {
  const { batches, now } = deps;
  return async (c) => {
    const { id, status } = await find(c, deps);
    const isCancelled = await shelfOf(c, deps).batches.cancel(id, now());
    if (!isCancelled && status !== "cancelling" && status !== "cancelled") {
      throw new HttpError(409, `Cannot cancel a batch with status '${status}'.`, null);
    }
    batches.look(id);
    batches.wake();
    const batch = await find(c, deps);
    return c.json(encodeBatch(batch, liveOf(batch, deps)));
  };
}

/** What all gateways know of it, and what this one can't tell them. */
function liveOf({ id, live }: BatchRecord, { batches }: BatchesDeps): LiveBatch | undefined {
  const here = batches.live(id);
  if (live === undefined || here === undefined) return live ?? here;
  return { ...live, pausedFor: here.pausedFor ?? live.pausedFor };
}

/** The id of the key that a batch's requests are made under; undefined where there are no keys. */
export function keyIdOf(c: Context<HttpEnv>): string | undefined {
  return c.get("key")?.id;
}

export async function assertFewBatches({ batches }: Pick<Shelf, "batches">): Promise<void> {
  if ((await batches.countUnfinished()) < MAX_UNFINISHED) return;
  throw new InvalidRequestError(
    `There are ${MAX_UNFINISHED} batches that have not ended. Wait for some to end, or cancel some.`,
    null,
    "too_many_batches",
  );
}

/** A record of a batch that begins now. Its files get the names of stored files, which they become at its end. */
export function newBatchRecord(
  batch: Pick<BatchRecord, "id" | "kind" | "endpoint" | "inputFile" | "body">,
  keyId: string | undefined,
  nowMs: number,
  windowMs: number,
): BatchRecord {
  const digits = batch.id.slice(batch.id.indexOf("_") + 1);
  return {
    ...batch,
    ...{ keyId: keyId ?? null, createdMs: nowMs, endsMs: nowMs + windowMs, status: "validating", progress: null },
    outputFile: `file-${digits.slice(0, 31)}0`,
    errorFile: `file-${digits.slice(0, 31)}1`,
  };
}

async function find(c: Context<HttpEnv>, deps: ShelfDeps): Promise<BatchRecord> {
  const id = c.req.param("id") ?? "";
  const batch = await shelfOf(c, deps).batches.get("openai", id);
  if (batch === undefined) throw new HttpError(404, `No batch found with id '${id}'.`, null);
  return batch;
}

function wrongInput(message: string): InvalidRequestError {
  return new InvalidRequestError(message, "input_file_id", "invalid_value");
}
