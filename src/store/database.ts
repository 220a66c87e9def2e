import { closeSync, existsSync, mkdirSync, openSync, statfsSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync, type SQLOutputValue, type StatementSync } from "node:sqlite";
import { describeStateFailure, fullDisk, StateError } from "./errors.ts";
import { migrations } from "./migrations.ts";

/** Short, since waiting for a lock blocks every stream of this process. */
const BUSY_TIMEOUT_MS = 250;
const IN_MEMORY = ":memory:";
/** The extra space that SQLite needs for one write: pages of indexes and lists, in the write-ahead log and then in the file. */
const SPARE_BYTES = 256 * 1024;

/** Returns a statement for this SQL, prepared once. */
export type Prepare = (sql: string) => StatementSync;
export type Row = Readonly<Record<string, SQLOutputValue>>;

/** A SQLite file that is opened at its first use. Every call throws `StateError` when the file can't be used. */
export type Database = {
  /** Whether the file exists. Using it would create it. */
  readonly exists: () => boolean;
  readonly read: <T>(work: (sql: Prepare) => T) => T;
  /** Runs `work` in a transaction, which is rolled back if it throws. */
  readonly write: <T>(work: (sql: Prepare) => T) => T;
  /** Throws if about this many bytes could not be written now. Writes nothing. */
  readonly assertRoom: (bytes: number) => void;
  /** Does nothing if it was never opened. */
  readonly close: () => void;
};

/** @param onOpen runs in a transaction of its own, right after the file was opened and migrated */
export function createDatabase(file: string, onOpen: (sql: Prepare) => void): Database {
  let missedMs = Number.NEGATIVE_INFINITY;
  let opened: { readonly handle: DatabaseSync; readonly prepare: Prepare } | undefined;

  function use() {
    opened ??= open();
    return opened;
  }

  function open() {
    const handle = openFile(file);
    try {
      // A newer one's file stays as it is, to the byte.
      readKnownVersion(handle, file);
      configure(handle);
      migrate(handle, file);
      const prepare = rememberStatements(handle);
      transact(handle, () => onOpen(prepare));
      return { handle, prepare };
    } catch (error) {
      handle.close();
      throw error;
    }
  }

  function guarded<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw describeStateFailure(error, file);
    }
  }

  /** Asks the system at most once a millisecond, since every request asks while there is no file. */
  function isThere(): boolean {
    const nowMs = performance.now();
    if (nowMs - missedMs < 1) return false;
    if (existsSync(file)) return true;
    missedMs = nowMs;
    return false;
  }

  return {
    exists: () => opened !== undefined || (file !== IN_MEMORY && isThere()),
    read: (work) => guarded(() => work(use().prepare)),
    write: (work) =>
      guarded(() => {
        const { handle, prepare } = use();
        return transact(handle, () => work(prepare));
      }),
    assertRoom: (bytes) =>
      guarded(() => {
        const { handle } = use();
        // Takes the write lock, so a file that can't be written fails here.
        transact(handle, () => {});
        if (freeBytes(file) < bytes + SPARE_BYTES) throw fullDisk(file);
      }),
    close: () =>
      guarded(() => {
        opened?.handle.close();
        opened = undefined;
      }),
  };
}

/** The free space on the file's disk. Infinity if there is no disk, or it isn't known. */
function freeBytes(file: string): number {
  if (file === IN_MEMORY) return Number.POSITIVE_INFINITY;
  const { blocks, bfree, bavail, bsize } = statfsSync(dirname(file));
  const free = process.getuid?.() === 0 ? bfree : bavail;
  return blocks === 0 ? Number.POSITIVE_INFINITY : free * bsize;
}

function openFile(file: string): DatabaseSync {
  if (file !== IN_MEMORY) {
    // Conversations are private. SQLite gives its other files the permissions of this one.
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    closeSync(openSync(file, "a", 0o600));
  }
  return new DatabaseSync(file, { timeout: BUSY_TIMEOUT_MS, enableForeignKeyConstraints: true });
}

/** With WAL and NORMAL a crash of the process loses nothing, and a power failure loses at most the last commits, never the file. */
function configure(handle: DatabaseSync): void {
  handle.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;");
}

/** Returns the file's version. Throws if it is newer than this Sluice, or none of Sluice's. */
function readKnownVersion(handle: DatabaseSync, file: string): number {
  const version = number(handle.prepare("PRAGMA user_version").get() ?? {}, "user_version");
  if (version < 0) throw new StateError(file, "Sluice hasn't written it; name another file with --state-file");
  if (version <= migrations.length) return version;
  throw new StateError(
    file,
    `it was written by a newer Sluice (version ${version}, and this one knows ${migrations.length}); ` +
      "update Sluice, or name another file with --state-file",
  );
}

function migrate(handle: DatabaseSync, file: string): void {
  transact(handle, () => {
    // Another process may have opened it since.
    const version = readKnownVersion(handle, file);
    for (const migration of migrations.slice(version)) {
      handle.exec(migration);
    }
    handle.exec(`PRAGMA user_version = ${migrations.length}`);
  });
}

function rememberStatements(handle: DatabaseSync): Prepare {
  const statements = new Map<string, StatementSync>();
  return (sql) => {
    const known = statements.get(sql) ?? handle.prepare(sql);
    statements.set(sql, known);
    return known;
  };
}

function transact<T>(handle: DatabaseSync, work: () => T): T {
  handle.exec("BEGIN IMMEDIATE");
  try {
    const result = work();
    handle.exec("COMMIT");
    return result;
  } catch (error) {
    // Some failures, such as a full disk, have already rolled back.
    if (handle.isTransaction) {
      handle.exec("ROLLBACK");
    }
    throw error;
  }
}

/** Reads a text column. */
export function text(row: Row, column: string): string {
  const value = row[column];
  if (typeof value !== "string") {
    throw new TypeError(`The column ${column} holds no text.`);
  }
  return value;
}

/** Reads an integer column. */
export function number(row: Row, column: string): number {
  const value = row[column];
  if (typeof value !== "number") {
    throw new TypeError(`The column ${column} holds no number.`);
  }
  return value;
}

/** Reads a text column that may be null. */
export function textOrNull(row: Row, column: string): string | null {
  return row[column] === null ? null : text(row, column);
}
