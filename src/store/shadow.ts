import { type Database, number, type Prepare, type Row, text, textOrNull } from "./database.ts";

/** What came of answering a request here that another server has answered. */
export type ShadowRow = {
  /** Unix ms. */
  readonly createdMs: number;
  /** The owner of the texts. */
  readonly tenant: string;
  /** The preset's id; null without one. */
  readonly preset: string | null;
  /** The other server's model. */
  readonly model: string;
  readonly local: string;
  readonly isStructured: boolean;
  readonly isSame: boolean;
  /** The cosine of both texts' vectors; null if it wasn't needed. */
  readonly similarity: number | null;
  /** How sure the local model was; null if unknown. */
  readonly mean: number | null;
  readonly least: number | null;
  /** What the other server's answer has cost, in billionths of a US dollar; null if unknown. */
  readonly costNanos: number | null;
  /** Kept only if the operator says so. */
  readonly texts: ShadowTexts | null;
};

type ShadowTexts = { readonly question: string; readonly theirs: string; readonly ours: string };

type ShadowQuery = { readonly preset?: string; readonly sinceMs?: number };

export type ShadowStore = {
  readonly exists: () => boolean;
  readonly add: (row: ShadowRow) => void;
  /** The newest rows first. */
  readonly list: (query: ShadowQuery) => readonly ShadowRow[];
  /** Counts calls that were not compared, and removes counts that are older than a year. */
  readonly leaveOut: (omitted: readonly Omitted[], nowMs: number) => void;
  /** How many calls were not compared for each reason, the most frequent first; by the hour. */
  readonly listOmitted: (query: ShadowQuery) => readonly Pick<Omitted, "reason" | "calls">[];
  /** Removes the kept texts of a tenant, or of all. Returns of how many rows. */
  readonly forgetTexts: (tenant?: string) => number;
};

/** Calls that were not compared. */
type Omitted = { readonly preset: string | null; readonly reason: string; readonly calls: number };

const HOUR_MS = 3_600_000;
const MAX_OMISSIONS_AGE_MS = 366 * 24 * HOUR_MS;

/** More rows are not needed for an interval of a percent. */
const MAX_LISTED = 100_000;

/** @param afterWrite removes what is too old */
export function createShadowStore(database: Database, afterWrite: (sql: Prepare) => void): ShadowStore {
  return {
    exists: database.exists,
    add(row) {
      const { texts } = row;
      database.write((sql) => {
        sql(
          `INSERT INTO shadows (id, created_ms, tenant, preset, model, local, is_structured, is_same, similarity, mean, least, cost_nanos, question, theirs, ours)
           VALUES (lower(hex(randomblob(16))), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        ).run(
          ...[
            row.createdMs,
            row.tenant,
            row.preset,
            row.model,
            row.local,
            Number(row.isStructured),
            Number(row.isSame),
          ],
          ...[row.similarity, row.mean, row.least, row.costNanos],
          ...[texts?.question ?? null, texts?.theirs ?? null, texts?.ours ?? null],
        );
        afterWrite(sql);
      });
    },
    list: ({ preset, sinceMs = 0 }) =>
      database.read((sql) =>
        sql(
          `SELECT * FROM shadows WHERE created_ms >= ? AND preset IS coalesce(?, preset) ORDER BY created_ms DESC LIMIT ${MAX_LISTED}`,
        )
          .all(sinceMs, preset ?? null)
          .map(toRow),
      ),
    leaveOut(omitted, nowMs) {
      database.write((sql) => {
        for (const { preset, reason, calls } of omitted) {
          sql(
            `INSERT INTO shadow_omissions (hour_ms, preset, reason, calls) VALUES (?, ?, ?, ?)
             ON CONFLICT DO UPDATE SET calls = calls + excluded.calls`,
          ).run(Math.floor(nowMs / HOUR_MS) * HOUR_MS, preset ?? "", reason, calls);
        }
        sql("DELETE FROM shadow_omissions WHERE hour_ms < ?").run(nowMs - MAX_OMISSIONS_AGE_MS);
      });
    },
    listOmitted: ({ preset, sinceMs = 0 }) =>
      database.read((sql) =>
        sql(
          `SELECT reason, sum(calls) AS calls FROM shadow_omissions
           WHERE hour_ms > ? AND preset = coalesce(?, preset) GROUP BY reason ORDER BY calls DESC`,
        )
          .all(sinceMs - HOUR_MS, preset ?? null)
          .map((row) => ({ reason: text(row, "reason"), calls: number(row, "calls") })),
      ),
    forgetTexts: (tenant) =>
      database.write((sql) => {
        const { changes } = sql(
          `UPDATE shadows SET question = NULL, theirs = NULL, ours = NULL
           WHERE question IS NOT NULL AND tenant = coalesce(?, tenant)`,
        ).run(tenant ?? null);
        return Number(changes);
      }),
  };
}

function toRow(row: Row): ShadowRow {
  const question = textOrNull(row, "question");
  return {
    createdMs: number(row, "created_ms"),
    tenant: text(row, "tenant"),
    preset: textOrNull(row, "preset"),
    model: text(row, "model"),
    local: text(row, "local"),
    isStructured: number(row, "is_structured") === 1,
    isSame: number(row, "is_same") === 1,
    similarity: numberOrNull(row, "similarity"),
    mean: numberOrNull(row, "mean"),
    least: numberOrNull(row, "least"),
    costNanos: numberOrNull(row, "cost_nanos"),
    texts:
      question === null
        ? null
        : { question, theirs: textOrNull(row, "theirs") ?? "", ours: textOrNull(row, "ours") ?? "" },
  };
}

function numberOrNull(row: Row, column: string): number | null {
  return row[column] === null ? null : number(row, column);
}
