import { type Database, number, type Prepare, type Row, text, textOrNull } from "./database.ts";
import { type FileRecord, insertFile } from "./files.ts";

export const BATCH_STATUSES = [
  "validating",
  "in_progress",
  "finalizing",
  "cancelling",
  "completed",
  "failed",
  "expired",
  "cancelled",
] as const;

export type BatchStatus = (typeof BATCH_STATUSES)[number];

/** Whose API a batch was created by. */
export type BatchKind = "openai" | "anthropic";

/** A batch, as it is stored. */
export type BatchRecord = {
  readonly id: string;
  readonly kind: BatchKind;
  /** The key that its requests are made under; null if it was created without one. */
  readonly keyId: string | null;
  readonly createdMs: number;
  /** The end of its completion window. */
  readonly endsMs: number;
  readonly status: BatchStatus;
  readonly endpoint: string;
  readonly inputFile: string;
  /** The ids of the files that it writes. They are stored files only when it has ended. */
  readonly outputFile: string;
  readonly errorFile: string;
  /** What its API says of it beside, as JSON: an object. Times of changes, in Unix ms, are added under the names of `BatchMoment`. */
  readonly body: string;
  /** How far it is, as JSON; null before its lines were validated. */
  readonly progress: string | null;
  /** Absent where only the process that runs it knows. */
  readonly live?: LiveBatch;
};

/** What is known of a batch that runs, beside what is stored. */
export type LiveBatch = {
  /** Lines a second; undefined while unknown. */
  readonly perSecond: number | undefined;
  readonly secondsLeft: number | undefined;
  /** Why it waits, in a sentence; undefined if it doesn't. */
  readonly pausedFor: string | undefined;
  /** What another server works on; absent if none does. */
  readonly elsewhere?: Elsewhere | undefined;
};

/** The requests of a batch that are in another server's own batches. */
export type Elsewhere = {
  /** The server's name in the settings. */
  readonly upstream: string;
  readonly requests: number;
  /** Those of them that it says to have answered, and that have no result here yet. */
  readonly completed: number;
};

/** When a batch changed. */
export type BatchMoment =
  | "in_progress_ms"
  | "finalizing_ms"
  | "cancelling_ms"
  | "completed_ms"
  | "failed_ms"
  | "expired_ms"
  | "cancelled_ms";

type BatchQuery = {
  readonly kind: BatchKind;
  readonly limit: number;
  /** The id of the entry before the page, newest first. */
  readonly after: string | undefined;
  /** The id of the entry behind the page. */
  readonly before?: string | undefined;
};

/** The batches of one tenant. */
export type BatchStore = {
  readonly add: (record: BatchRecord) => void;
  readonly get: (kind: BatchKind, id: string) => BatchRecord | undefined;
  /** Newest first. Undefined if `after` or `before` is none of its batches. */
  readonly page: (
    query: BatchQuery,
  ) => { readonly data: readonly BatchRecord[]; readonly hasMore: boolean } | undefined;
  /** Returns whether it was running. */
  readonly cancel: (id: string, nowMs: number) => boolean;
  /** Removes a batch that has ended. Returns whether there was one. */
  readonly remove: (id: string) => boolean;
  /** How many have not ended. */
  readonly countUnfinished: () => number;
};

export type BatchChange = {
  readonly to: BatchStatus;
  readonly moment: BatchMoment;
  readonly atMs: number;
  readonly progress?: string;
  /** Added to its body, as JSON: an object. */
  readonly more?: string;
  /** The files that become its tenant's. */
  readonly files?: readonly FileRecord[];
};

/** What tells whether a batch can be run now. */
export type UnfinishedBatch = Pick<BatchRecord, "id" | "status"> & { readonly tenant: string };

/** The batches of all tenants, for who runs them. */
export type BatchQueue = {
  /** Those that have not ended, oldest first. */
  readonly unfinished: () => readonly UnfinishedBatch[];
  /** A batch of any tenant. */
  readonly get: (id: string) => BatchRecord | undefined;
  readonly statusOf: (id: string) => BatchStatus | undefined;
  /** Changes the status, in one transaction with the rest, if it is one of `from`. Returns whether it was. */
  readonly change: (id: string, from: readonly BatchStatus[], change: BatchChange) => boolean;
  /** Notes how far it is. Returns its status; undefined if there is no such batch any more. */
  readonly record: (id: string, progress: string) => BatchStatus | undefined;
  /** The bytes of all files of a batch's tenant, with the results of its batches that are no files of its own: those that run, and Anthropic's. */
  readonly storedBytes: (id: string) => number;
  /** Whether a batch that has not ended reads this file. */
  readonly reads: (fileId: string) => boolean;
  /** Whether a batch needs this file: it reads or writes it, or keeps it for itself. */
  readonly needs: (fileId: string) => boolean;
};

export type BatchStoreOptions = {
  readonly tenant: string;
  /** Called in each transaction that adds to the file. */
  readonly afterWrite: (sql: Prepare) => void;
};

/** What cannot be read counts nothing. */
const RESULT_BYTES = `CASE WHEN json_valid(progress)
  THEN coalesce(json_extract(progress, '$.outputBytes'), 0) + coalesce(json_extract(progress, '$.errorBytes'), 0) ELSE 0 END`;

const RUNS = "status IN ('validating', 'in_progress', 'finalizing', 'cancelling')";

export function createBatchStore(database: Database, { tenant, afterWrite }: BatchStoreOptions): BatchStore {
  const seqOf = (sql: Prepare, id: string): number | undefined => {
    const row = sql("SELECT seq FROM batches WHERE id = ? AND tenant = ?").get(id, tenant);
    return row && number(row, "seq");
  };

  return {
    add: (record) =>
      database.write((sql) => {
        const { id, kind, keyId, createdMs, endsMs, status, endpoint, inputFile, outputFile, errorFile, body } = record;
        sql(
          `INSERT INTO batches (id, tenant, kind, key, created_ms, ends_ms, status, endpoint, input_file, output_file, error_file, body, progress)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        ).run(
          ...[id, tenant, kind, keyId, createdMs, endsMs, status, endpoint, inputFile, outputFile, errorFile, body],
          record.progress,
        );
        afterWrite(sql);
      }),
    get: (kind, id) =>
      database.read((sql) => {
        const row = sql("SELECT * FROM batches WHERE id = ? AND tenant = ? AND kind = ?").get(id, tenant, kind);
        return row && toBatch(row);
      }),
    page: ({ kind, limit, after, before }) =>
      database.read((sql) => {
        const upper = after === undefined ? Number.MAX_SAFE_INTEGER : seqOf(sql, after);
        const lower = before === undefined ? 0 : seqOf(sql, before);
        if (upper === undefined || lower === undefined) return undefined;
        const isBackwards = before !== undefined;
        const rows = sql(
          `SELECT * FROM batches WHERE tenant = ? AND kind = ? AND seq < ? AND seq > ?
           ORDER BY seq ${isBackwards ? "ASC" : "DESC"} LIMIT ?`,
        ).all(tenant, kind, upper, lower, limit + 1);
        const data = rows.slice(0, limit).map(toBatch);
        return { data: isBackwards ? data.reverse() : data, hasMore: rows.length > limit };
      }),
    cancel: (id, nowMs) =>
      database.write(
        (sql) =>
          sql(
            `UPDATE batches SET status = 'cancelling', body = json_set(body, '$.cancelling_ms', ?)
             WHERE id = ? AND tenant = ? AND status IN ('validating', 'in_progress')`,
          ).run(nowMs, id, tenant).changes > 0,
      ),
    remove: (id) =>
      database.write(
        (sql) => sql(`DELETE FROM batches WHERE id = ? AND tenant = ? AND NOT ${RUNS}`).run(id, tenant).changes > 0,
      ),
    countUnfinished: () =>
      database.read((sql) =>
        number(sql(`SELECT count(*) AS count FROM batches WHERE tenant = ? AND ${RUNS}`).get(tenant) ?? {}, "count"),
      ),
  };
}

export function createBatchQueue(database: Database): BatchQueue {
  return {
    unfinished: () =>
      database.read((sql) =>
        sql(`SELECT id, status, tenant FROM batches WHERE ${RUNS} ORDER BY seq`)
          .all()
          .map((row) => ({ id: text(row, "id"), status: toStatus(row), tenant: text(row, "tenant") })),
      ),
    get: (id) =>
      database.read((sql) => {
        const row = sql("SELECT * FROM batches WHERE id = ?").get(id);
        return row && toBatch(row);
      }),
    statusOf: (id) => database.read((sql) => statusOf(sql, id)),
    change: (id, from, { to, moment, atMs, progress, more = "{}", files = [] }) =>
      database.write((sql) => {
        const status = statusOf(sql, id);
        if (status === undefined || !from.includes(status)) return false;
        sql(
          `UPDATE batches SET status = ?, progress = coalesce(?, progress),
             body = json_set(json_patch(body, ?), '$.' || ?, ?) WHERE id = ?`,
        ).run(to, progress ?? null, more, moment, atMs, id);
        const row = sql("SELECT tenant FROM batches WHERE id = ?").get(id) ?? {};
        for (const file of files) insertFile(sql, text(row, "tenant"), file);
        return true;
      }),
    record: (id, progress) =>
      database.write((sql) => {
        sql("UPDATE batches SET progress = ? WHERE id = ?").run(progress, id);
        return statusOf(sql, id);
      }),
    storedBytes: (id) =>
      database.read((sql) => {
        const row = sql(
          `SELECT (SELECT coalesce(sum(bytes), 0) FROM files WHERE files.tenant = own.tenant)
             + (SELECT coalesce(sum(${RESULT_BYTES}), 0) FROM batches AS all_own
                WHERE all_own.tenant = own.tenant AND (${RUNS} OR kind = 'anthropic')) AS bytes
           FROM batches AS own WHERE own.id = ?`,
        ).get(id);
        return row === undefined ? 0 : number(row, "bytes");
      }),
    reads: (fileId) =>
      database.read((sql) => sql(`SELECT 1 FROM batches WHERE input_file = ? AND ${RUNS}`).get(fileId) !== undefined),
    needs: (fileId) =>
      database.read(
        (sql) =>
          sql(
            `SELECT 1 FROM batches WHERE (input_file = ?1 OR output_file = ?1 OR error_file = ?1)
             AND (${RUNS} OR kind = 'anthropic')`,
          ).get(fileId) !== undefined,
      ),
  };
}

function statusOf(sql: Prepare, id: string): BatchStatus | undefined {
  const row = sql("SELECT status FROM batches WHERE id = ?").get(id);
  return row && toStatus(row);
}

function toStatus(row: Row): BatchStatus {
  const status = text(row, "status");
  const known = BATCH_STATUSES.find((word) => word === status);
  if (known === undefined) throw new TypeError(`A batch has the unknown status ${status}.`);
  return known;
}

function toBatch(row: Row): BatchRecord {
  return {
    id: text(row, "id"),
    kind: row.kind === "anthropic" ? "anthropic" : "openai",
    keyId: textOrNull(row, "key"),
    createdMs: number(row, "created_ms"),
    endsMs: number(row, "ends_ms"),
    status: toStatus(row),
    endpoint: text(row, "endpoint"),
    inputFile: text(row, "input_file"),
    outputFile: text(row, "output_file"),
    errorFile: text(row, "error_file"),
    body: text(row, "body"),
    progress: textOrNull(row, "progress"),
  };
}
