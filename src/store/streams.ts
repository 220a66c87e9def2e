import { type Database, number, type Prepare, text, textOrNull } from "./database.ts";

/** A stream that another process can go on with. */
export type StreamRecord = {
  readonly id: string;
  readonly tenant: string;
  /** The id of the key that began it; null if none was needed. */
  readonly key: string | null;
  readonly createdMs: number;
  readonly seed: number;
  /** What its answer depends on, as JSON. */
  readonly prints: string;
  /** The request, as JSON. */
  readonly request: string;
  /** Why it can't go on; null if it can. */
  readonly lost: string | null;
};

/** A stream as it was written. */
type WrittenStream = StreamRecord & { readonly steps: readonly string[]; readonly charged: Charged | undefined };

/** What is written at once. */
export type StreamChanges = {
  readonly begun: readonly StreamRecord[];
  /** The next steps of a stream, as JSON. */
  readonly steps: readonly { readonly stream: string; readonly position: number; readonly body: string }[];
  /** Of which streams the work so far is charged, or all of it. */
  readonly charged: readonly { readonly stream: string; readonly what: Charged }[];
  readonly ended: readonly string[];
};

export type Charged = "part" | "all";

export type StreamStore = {
  /** In one transaction. */
  readonly write: (changes: StreamChanges) => void;
  /** Takes over all streams of processes that are gone, which are kept until `endsMs`. */
  readonly adopt: (endsMs: number) => void;
  /** One that belongs to this process, with its steps in order. */
  readonly find: (id: string, tenant: string) => WrittenStream | undefined;
};

/** A running stream whose process is never adopted is removed after so long. */
const LONGEST_MS = 24 * 60 * 60 * 1_000;

export function createStreamStore(database: Database, { pid, isAlive, now }: StreamStoreOptions): StreamStore {
  return {
    write({ begun, steps, charged, ended }) {
      database.write((sql) => {
        for (const { id, tenant, key, createdMs, seed, prints, request, lost } of begun) {
          sql(
            `INSERT INTO streams (id, tenant, key, created_ms, ends_ms, pid, seed, prints, request, lost)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
             ON CONFLICT (id) DO UPDATE SET prints = excluded.prints, request = excluded.request, lost = excluded.lost`,
          ).run(id, tenant, key, createdMs, Math.floor(now() + LONGEST_MS), pid, seed, prints, request, lost);
        }
        for (const { stream, position, body } of steps) {
          sql(
            `INSERT INTO stream_steps (stream, position, body)
             SELECT ?, ?, ? WHERE EXISTS (SELECT 1 FROM streams WHERE id = ?)`,
          ).run(stream, position, body, stream);
        }
        for (const { stream, what } of charged) {
          sql("UPDATE streams SET charged = ? WHERE id = ?").run(what, stream);
        }
        for (const id of ended) sql("DELETE FROM streams WHERE id = ?").run(id);
      });
    },
    adopt(endsMs) {
      database.write((sql) => {
        for (const row of sql("SELECT DISTINCT pid FROM streams").all()) {
          const owner = number(row, "pid");
          if (owner !== pid && isAlive(owner)) continue;
          sql("UPDATE streams SET pid = ?, ends_ms = min(ends_ms, ?) WHERE pid = ?").run(
            pid,
            Math.floor(endsMs),
            owner,
          );
        }
      });
    },
    find: (id, tenant) =>
      database.read((sql) => {
        const row = sql("SELECT * FROM streams WHERE id = ? AND tenant = ? AND pid = ? AND ends_ms > ?").get(
          ...[id, tenant, pid, Math.floor(now())],
        );
        if (row === undefined) return undefined;
        const steps = sql("SELECT body FROM stream_steps WHERE stream = ? ORDER BY position").all(id);
        return {
          ...{ id, tenant, key: textOrNull(row, "key"), createdMs: number(row, "created_ms") },
          ...{ seed: number(row, "seed"), prints: text(row, "prints"), request: text(row, "request") },
          lost: textOrNull(row, "lost"),
          steps: steps.map((step) => text(step, "body")),
          charged: row.charged === "part" || row.charged === "all" ? row.charged : undefined,
        };
      }),
  };
}

export type StreamStoreOptions = {
  readonly pid: number;
  /** Whether another process runs. */
  readonly isAlive: (pid: number) => boolean;
  /** The time in Unix ms. */
  readonly now: () => number;
};

/** Removes the streams whose time is over. */
export function pruneStreams(sql: Prepare, nowMs: number): void {
  sql("DELETE FROM streams WHERE ends_ms <= ?").run(Math.floor(nowMs));
}
