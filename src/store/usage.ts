import { type Database, number, type Prepare, type Row, text } from "./database.ts";

/** A key's usage of a model on one day. */
export type UsageRow = {
  /** In UTC, such as `2026-11-22`. */
  readonly day: string;
  /** The key's id. */
  readonly key: string;
  /** The key's name when it was last used. */
  readonly name: string;
  readonly model: string;
  /** Requests that were accepted. */
  readonly requests: number;
  readonly promptTokens: number;
  /** Prompt tokens that needed no evaluation. */
  readonly cachedTokens: number;
  readonly completionTokens: number;
  /** Accepted requests that failed. */
  readonly errors: number;
  /** Requests that were refused. */
  readonly refusals: number;
  /** In billionths of a US dollar, so that sums are exact. */
  readonly costNanos: number;
  readonly millijoules: number;
};

export type UsageQuery = {
  /** A key's id or name. */
  readonly key?: string;
  readonly model?: string;
  /** The first day. */
  readonly since?: string;
  /** The last day. */
  readonly until?: string;
  /** How many rows at most, after leaving out the first `offset`; all if absent. */
  readonly limit?: number;
  readonly offset?: number;
};

export type UsageStore = {
  readonly exists: () => boolean;
  /** Adds rows to the stored usage, in one transaction, and removes the days before `firstDay`. */
  readonly add: (rows: readonly UsageRow[], firstDay: string) => void;
  /** Ordered by day, oldest first, then by name and model. */
  readonly list: (query: UsageQuery) => readonly UsageRow[];
  /** What a key has cost since a day, in billionths of a US dollar. @param key its id */
  readonly costSince: (key: string, day: string) => number;
};

const FIGURES = [
  ...["requests", "prompt_tokens", "cached_tokens", "completion_tokens", "errors", "refusals"],
  ...["cost_nanos", "millijoules"],
] as const;

export function createUsageStore(database: Database): UsageStore {
  return {
    exists: database.exists,
    add(rows, firstDay) {
      database.write((sql) => {
        for (const row of rows) addRow(sql, row);
        sql("DELETE FROM key_usage WHERE day < ?").run(firstDay);
      });
    },
    list: ({ key, model, since, until, limit, offset }) =>
      database.read((sql) =>
        sql(
          `SELECT * FROM key_usage WHERE (key = coalesce(?, key) OR name = ? COLLATE NOCASE)
           AND model = coalesce(?, model) AND day >= coalesce(?, '') AND day <= coalesce(?, day)
           ORDER BY day, name, key, model LIMIT ? OFFSET ?`,
        )
          .all(key ?? null, key ?? null, model ?? null, since ?? null, until ?? null, limit ?? -1, offset ?? 0)
          .map(toRow),
      ),
    costSince: (key, day) =>
      database.read((sql) => {
        const row = sql("SELECT coalesce(sum(cost_nanos), 0) AS nanos FROM key_usage WHERE key = ? AND day >= ?");
        return number(row.get(key, day) ?? {}, "nanos");
      }),
  };
}

function addRow(sql: Prepare, row: UsageRow): void {
  const sums = FIGURES.map((figure) => `${figure} = ${figure} + excluded.${figure}`).join(", ");
  sql(
    `INSERT INTO key_usage (day, key, name, model, ${FIGURES.join(", ")}) VALUES (?, ?, ?, ?, ${FIGURES.map(() => "?").join(", ")})
     ON CONFLICT (day, key, model) DO UPDATE SET name = excluded.name, ${sums}`,
  ).run(
    row.day,
    row.key,
    row.name,
    row.model,
    row.requests,
    row.promptTokens,
    row.cachedTokens,
    row.completionTokens,
    row.errors,
    row.refusals,
    row.costNanos,
    row.millijoules,
  );
}

function toRow(row: Row): UsageRow {
  return {
    day: text(row, "day"),
    key: text(row, "key"),
    name: text(row, "name"),
    model: text(row, "model"),
    requests: number(row, "requests"),
    promptTokens: number(row, "prompt_tokens"),
    cachedTokens: number(row, "cached_tokens"),
    completionTokens: number(row, "completion_tokens"),
    errors: number(row, "errors"),
    refusals: number(row, "refusals"),
    costNanos: number(row, "cost_nanos"),
    millijoules: number(row, "millijoules"),
  };
}
