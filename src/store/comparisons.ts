import { type Database, text } from "./database.ts";

/** How many are kept. */
const KEPT = 20;

/** What models were measured to do, as JSON. */
export type ComparisonStore = {
  readonly add: (createdMs: number, body: string) => void;
  /** The newest; undefined if there is none. */
  readonly latest: () => string | undefined;
  readonly count: () => number;
};

export function createComparisonStore(database: Database): ComparisonStore {
  return {
    add(createdMs, body) {
      database.write((sql) => {
        sql("INSERT INTO comparisons (created_ms, body) VALUES (?, ?)").run(createdMs, body);
        sql("DELETE FROM comparisons WHERE seq NOT IN (SELECT seq FROM comparisons ORDER BY seq DESC LIMIT ?)").run(
          KEPT,
        );
      });
    },
    latest() {
      if (!database.exists()) return undefined;
      const row = database.read((sql) => sql("SELECT body FROM comparisons ORDER BY seq DESC LIMIT 1").get());
      return row && text(row, "body");
    },
    count: () => database.read((sql) => Number(sql("SELECT count(*) AS count FROM comparisons").get()?.count ?? 0)),
  };
}
