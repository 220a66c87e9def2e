import { z } from "zod";
import { type Database, number, type Row, text, textOrNull } from "./database.ts";

type UploadStatus = "pending" | "completed" | "cancelled";

/** A file that comes in parts. */
export type UploadRecord = {
  readonly id: string;
  readonly createdMs: number;
  /** When it can't be completed any more. */
  readonly endsMs: number;
  readonly status: UploadStatus;
  /** The size that was announced. */
  readonly bytes: number;
  readonly filename: string;
  readonly purpose: string;
  /** How long its file is kept; null if nothing was said. */
  readonly lifeMs: number | null;
  readonly parts: readonly UploadPart[];
  /** The id of its file, once it is completed. */
  readonly file: string | null;
};

export type UploadPart = { readonly id: string; readonly bytes: number };

/** The uploads of one tenant. */
export type UploadStore = {
  readonly add: (record: UploadRecord) => void;
  readonly get: (id: string) => UploadRecord | undefined;
  /** Returns whether the upload is pending and has room for the part. */
  readonly addPart: (id: string, part: UploadPart) => boolean;
  /** Returns whether it was pending. Its parts are forgotten. */
  readonly end: (id: string, status: "completed" | "cancelled", file: string | null) => boolean;
  /** The bytes that were announced by those that are pending. */
  readonly pendingBytes: () => number;
};

const partsSchema = z.array(z.strictObject({ id: z.string(), bytes: z.int() }));

const PENDING = "status = 'pending' AND ends_ms > ?";

export function createUploadStore(
  database: Database,
  { tenant, now }: { readonly tenant: string; readonly now: () => number },
): UploadStore {
  return {
    add: ({ id, createdMs, endsMs, status, bytes, filename, purpose, lifeMs, parts, file }) =>
      database.write((sql) => {
        sql(
          `INSERT INTO uploads (id, tenant, created_ms, ends_ms, status, bytes, filename, purpose, life_ms, parts, file)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        ).run(
          ...[id, tenant, createdMs, endsMs, status, bytes, filename, purpose, lifeMs, JSON.stringify(parts), file],
        );
      }),
    get: (id) =>
      database.read((sql) => {
        const row = sql("SELECT * FROM uploads WHERE id = ? AND tenant = ?").get(id, tenant);
        return row && toUpload(row);
      }),
    addPart: (id, part) =>
      database.write((sql) => {
        const row = sql(`SELECT * FROM uploads WHERE id = ? AND tenant = ? AND ${PENDING}`).get(id, tenant, now());
        if (row === undefined) return false;
        const { parts, bytes } = toUpload(row);
        const sum = parts.reduce((total, other) => total + other.bytes, part.bytes);
        if (sum > bytes) return false;
        sql("UPDATE uploads SET parts = ? WHERE id = ?").run(JSON.stringify([...parts, part]), id);
        return true;
      }),
    end: (id, status, file) =>
      database.write(
        (sql) =>
          sql(`UPDATE uploads SET status = ?, file = ?, parts = '[]' WHERE id = ? AND tenant = ? AND ${PENDING}`).run(
            status,
            file,
            id,
            tenant,
            now(),
          ).changes > 0,
      ),
    pendingBytes: () =>
      database.read((sql) =>
        number(
          sql(`SELECT coalesce(sum(bytes), 0) AS bytes FROM uploads WHERE tenant = ? AND ${PENDING}`).get(
            tenant,
            now(),
          ) ?? {},
          "bytes",
        ),
      ),
  };
}

/** Whether a file is a part of an upload that is pending, of any tenant. */
export function isPartOfUpload(database: Database, fileId: string, nowMs: number): boolean {
  return database.read(
    (sql) =>
      sql(
        `SELECT 1 FROM uploads, json_each(parts) AS part WHERE ${PENDING} AND json_extract(part.value, '$.id') = ?`,
      ).get(nowMs, fileId) !== undefined,
  );
}

function toUpload(row: Row): UploadRecord {
  const status = text(row, "status");
  return {
    id: text(row, "id"),
    createdMs: number(row, "created_ms"),
    endsMs: number(row, "ends_ms"),
    status: status === "completed" || status === "cancelled" ? status : "pending",
    bytes: number(row, "bytes"),
    filename: text(row, "filename"),
    purpose: text(row, "purpose"),
    lifeMs: row.life_ms === null ? null : number(row, "life_ms"),
    parts: partsSchema.parse(JSON.parse(text(row, "parts"))),
    file: textOrNull(row, "file"),
  };
}
