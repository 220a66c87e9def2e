import { z } from "zod";
import type { BatchChange, BatchQueue, BatchRecord, BatchStatus, BatchStore } from "../store/batches.ts";
import type { Either } from "../store/shelf.ts";
import { type BatchRow, batchOf, fieldsOfBatch, statusOf } from "./batch-rows.ts";
import { listsOf, numberOf, textOf, wordsOf } from "./replies.ts";
import {
  ADD_BATCH,
  CANCEL,
  CHANGE,
  COUNT_UNFINISHED,
  GET_BATCH,
  GET_FILE,
  OLD_BATCHES,
  PAGE_BATCHES,
  REMOVE_BATCH,
  UNFINISHED,
} from "./scripts.ts";
import type { SharedStore } from "./store.ts";

/** The batches of one tenant, in Redis. */
export function createSharedBatches(store: SharedStore, tenant: string): Either<BatchStore> {
  async function find(id: string): Promise<BatchRow | undefined> {
    const row = batchOf(await store.call(GET_BATCH, id));
    return row?.tenant === tenant ? row : undefined;
  }

  return {
    async add(record) {
      const { id, kind, inputFile } = record;
      const added = await store.call(ADD_BATCH, id, tenant, kind, inputFile, ...fieldsOfBatch(record));
      if (added === 0) throw new Error(`The input file '${inputFile}' was deleted.`);
    },
    async get(kind, id) {
      const row = await find(id);
      return row?.record.kind === kind ? row.record : undefined;
    },
    async page({ kind, limit, after, before }) {
      const [upper, lower] = await Promise.all([after, before].map((id) => (id === undefined ? undefined : find(id))));
      if ((after !== undefined && upper === undefined) || (before !== undefined && lower === undefined)) {
        return undefined;
      }
      const order = before === undefined ? "desc" : "asc";
      const bounds = [lower?.seq ?? 0, upper?.seq ?? Number.MAX_SAFE_INTEGER, order, limit + 1] as const;
      const rows = z.array(z.unknown()).parse(await store.call(PAGE_BATCHES, kind, tenant, ...bounds));
      const data = rows
        .slice(0, limit)
        .map(batchOf)
        .flatMap((row) => row?.record ?? []);
      return { data: order === "asc" ? data.reverse() : data, hasMore: rows.length > limit };
    },
    cancel: async (id, nowMs) => (await store.call(CANCEL, id, tenant, nowMs)) === 1,
    remove: async (id) => (await store.call(REMOVE_BATCH, id, tenant)) === 1,
    countUnfinished: async () => numberOf(wordsOf([await store.call(COUNT_UNFINISHED, tenant)])[0]),
  };
}

/** What runs batches needs of those of all tenants. */
export type SharedQueue = Pick<Either<BatchQueue>, "unfinished" | "get" | "statusOf" | "reads"> & {
  readonly find: (id: string) => Promise<BatchRow | undefined>;
  /** @param needsAll whether all lines must be done */
  readonly change: (
    id: string,
    from: readonly BatchStatus[],
    change: BatchChange,
    needsAll?: boolean,
  ) => Promise<boolean>;
  /** Removes batches that ended before a time. */
  readonly prune: (beforeMs: number) => Promise<void>;
};

export type SharedQueueOptions = {
  readonly store: SharedStore;
  /** Whether a key is known here. Requests of others are left to gateways that know theirs. */
  readonly knowsKey: (keyId: string) => boolean;
  /** The time in Unix ms. */
  readonly now: () => number;
};

export function createSharedQueue({ store, knowsKey, now }: SharedQueueOptions): SharedQueue {
  const find = async (id: string) => batchOf(await store.call(GET_BATCH, id));

  return {
    find,
    async get(id): Promise<BatchRecord | undefined> {
      return (await find(id))?.record;
    },
    statusOf: async (id) => (await find(id))?.record.status,
    async unfinished() {
      return listsOf(await store.call(UNFINISHED)).flatMap(([id, word, tenant, keyId, endsMs]) => {
        const status = statusOf(textOf(word) ?? "");
        const key = textOf(keyId) ?? "";
        // What makes no more requests can be ended by all.
        const asks = status !== "cancelling" && now() < numberOf(endsMs);
        if (asks && key !== "" && !knowsKey(key)) return [];
        return { id: textOf(id) ?? "", status, tenant: textOf(tenant) ?? "" };
      });
    },
    async change(id, from, { to, moment, atMs, progress, more = "{}", files = [] }, needsAll = false) {
      const total = progress === undefined ? "" : z.object({ total: z.int() }).parse(JSON.parse(progress)).total;
      const given = files.flatMap((file) => [file.id, file.expiresMs ?? "", file.filename]);
      const words = [to, moment, atMs, more, total, needsAll ? 1 : 0, files.length, ` ${from.join(" ")} `, ...given];
      return (await store.call(CHANGE, id, ...words)) === 1;
    },
    reads: async (fileId) => numberOf(wordsOf(await store.call(GET_FILE, fileId))[8]) > 0,
    async prune(beforeMs) {
      for (;;) {
        const ids = wordsOf(await store.call(OLD_BATCHES, beforeMs)).map((id) => textOf(id) ?? "");
        for (const id of ids) await store.call(REMOVE_BATCH, id, "");
        if (ids.length === 0) return;
      }
    },
  };
}
