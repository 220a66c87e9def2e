import { type Report, reportSchema } from "./comparison-report.ts";
import { type Database, text } from "./database.ts";

/** How many are kept. */
const KEPT = 20;

/** What `sluice compare` has measured. */
export type ComparisonStore = {
  readonly add: (report: Report) => void;
  /** Throws a StateError if none could be added now. */
  readonly check: () => void;
  /** The newest; undefined if there is none, or if another version of Sluice wrote it in another form. */
  readonly latest: () => Report | undefined;
  readonly count: () => number;
};

export function createComparisonStore(database: Database): ComparisonStore {
  return {
    add(report) {
      database.write((sql) => {
        sql("INSERT INTO comparisons (created_ms, body) VALUES (?, ?)").run(report.createdMs, JSON.stringify(report));
        sql("DELETE FROM comparisons WHERE seq NOT IN (SELECT seq FROM comparisons ORDER BY seq DESC LIMIT ?)").run(
          KEPT,
        );
      });
    },
    check: () => database.write((sql) => sql("DELETE FROM comparisons WHERE FALSE").run()),
    latest() {
      if (!database.exists()) return undefined;
      const row = database.read((sql) => sql("SELECT body FROM comparisons ORDER BY seq DESC LIMIT 1").get());
      return row && reportSchema.safeParse(JSON.parse(text(row, "body"))).data;
    },
    count: () => database.read((sql) => Number(sql("SELECT count(*) AS count FROM comparisons").get()?.count ?? 0)),
  };
}
