import { type Database, text } from "./database.ts";

/** The parts of batches that other servers work on. */
export type SegmentStore = {
  /** Those of a batch in their order, each as JSON. */
  readonly list: (batch: string) => readonly string[];
  /** Adds one, or puts another in its place. */
  readonly put: (batch: string, number: number, body: string) => void;
};

export function createSegmentStore(database: Database): SegmentStore {
  return {
    list: (batch) =>
      database.read((sql) =>
        sql("SELECT body FROM batch_segments WHERE batch = ? ORDER BY number")
          .all(batch)
          .map((row) => text(row, "body")),
      ),
    put: (batch, number, body) =>
      database.write((sql) => {
        sql(
          `INSERT INTO batch_segments (batch, number, body) SELECT id, ?, ? FROM batches WHERE id = ?
           ON CONFLICT DO UPDATE SET body = excluded.body`,
        ).run(number, body, batch);
      }),
  };
}
