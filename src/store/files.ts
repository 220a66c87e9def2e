import { type Database, number, type Prepare, type Row, text } from "./database.ts";
import type { Page, PageQuery } from "./items.ts";

/** What is known of a stored file. Its bytes lie beside the state file, under its id. */
export type FileRecord = {
  readonly id: string;
  readonly createdMs: number;
  /** Null if it stays until it is deleted. */
  readonly expiresMs: number | null;
  readonly bytes: number;
  readonly filename: string;
  readonly purpose: string;
};

type FileQuery = PageQuery & { readonly purpose: string | undefined };

/** What a tenant's files may be together. */
type FileBounds = { readonly maxBytes: number; readonly maxFiles: number };

/** The files of one tenant. Files that have expired are not found. */
export type FileStore = {
  /** Adds nothing, and returns false, if it would then have more than the bounds say. */
  readonly add: (record: FileRecord, bounds: FileBounds) => boolean;
  readonly get: (id: string) => FileRecord | undefined;
  /** Undefined if `after` is none of its files. */
  readonly page: (query: FileQuery) => Page<FileRecord> | undefined;
  /** Returns whether there was one. */
  readonly remove: (id: string) => boolean;
  /** The bytes of all its files. */
  readonly usedBytes: () => number;
};

/** The files of all tenants. */
export type FileIndex = {
  /** Whether a file is stored, expired or not. */
  readonly has: (id: string) => boolean;
  /** Files that have expired, at most `limit`, in the order of `seq`, from after `afterSeq` on. */
  readonly expired: (limit: number, afterSeq: number) => readonly { readonly seq: number; readonly id: string }[];
  readonly remove: (id: string) => void;
};

export type FileStoreOptions = {
  readonly tenant: string;
  /** The time in Unix ms. */
  readonly now: () => number;
};

const LIVES = "(expires_ms IS NULL OR expires_ms > ?)";

export function createFileStore(database: Database, { tenant, now }: FileStoreOptions): FileStore {
  return {
    add: (record, { maxBytes, maxFiles }) =>
      database.write((sql) => {
        const row = sql("SELECT coalesce(sum(bytes), 0) AS bytes, count(*) AS files FROM files WHERE tenant = ?").get(
          tenant,
        );
        const [bytes, files] = [number(row ?? {}, "bytes"), number(row ?? {}, "files")];
        if (bytes + record.bytes > maxBytes || files >= maxFiles) return false;
        insertFile(sql, tenant, record);
        return true;
      }),
    get: (id) =>
      database.read((sql) => {
        const row = sql(`SELECT * FROM files WHERE id = ? AND tenant = ? AND ${LIVES}`).get(id, tenant, now());
        return row === undefined ? undefined : toFile(row);
      }),
    page: ({ limit, order, after, purpose }) =>
      database.read((sql) => {
        let seq = order === "asc" ? 0 : Number.MAX_SAFE_INTEGER;
        if (after !== undefined) {
          const row = sql("SELECT seq FROM files WHERE id = ? AND tenant = ?").get(after, tenant);
          if (row === undefined) return undefined;
          seq = number(row, "seq");
        }
        const [compare, direction] = order === "asc" ? [">", "ASC"] : ["<", "DESC"];
        const rows = sql(
          `SELECT * FROM files WHERE tenant = ? AND (purpose = ? OR ? IS NULL) AND ${LIVES} AND seq ${compare} ?
           ORDER BY seq ${direction} LIMIT ?`,
        ).all(tenant, purpose ?? null, purpose ?? null, now(), seq, limit + 1);
        return { data: rows.slice(0, limit).map(toFile), hasMore: rows.length > limit };
      }),
    remove: (id) =>
      database.write((sql) => sql("DELETE FROM files WHERE id = ? AND tenant = ?").run(id, tenant).changes > 0),
    usedBytes: () =>
      database.read((sql) =>
        number(sql("SELECT coalesce(sum(bytes), 0) AS bytes FROM files WHERE tenant = ?").get(tenant) ?? {}, "bytes"),
      ),
  };
}

export function createFileIndex(database: Database, now: () => number): FileIndex {
  return {
    has: (id) => database.read((sql) => sql("SELECT 1 FROM files WHERE id = ?").get(id) !== undefined),
    expired: (limit, afterSeq) =>
      database.read((sql) =>
        sql("SELECT seq, id FROM files WHERE expires_ms <= ? AND seq > ? ORDER BY seq LIMIT ?")
          .all(now(), afterSeq, limit)
          .map((row) => ({ seq: number(row, "seq"), id: text(row, "id") })),
      ),
    remove: (id) => database.write((sql) => void sql("DELETE FROM files WHERE id = ?").run(id)),
  };
}

export function insertFile(sql: Prepare, tenant: string, record: FileRecord): void {
  const { id, createdMs, expiresMs, bytes, filename, purpose } = record;
  sql(
    "INSERT INTO files (id, tenant, created_ms, expires_ms, bytes, filename, purpose) VALUES (?, ?, ?, ?, ?, ?, ?)",
  ).run(id, tenant, createdMs, expiresMs, bytes, filename, purpose);
}

function toFile(row: Row): FileRecord {
  return {
    id: text(row, "id"),
    createdMs: number(row, "created_ms"),
    expiresMs: row.expires_ms === null ? null : number(row, "expires_ms"),
    bytes: number(row, "bytes"),
    filename: text(row, "filename"),
    purpose: text(row, "purpose"),
  };
}
