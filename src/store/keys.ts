import { type Database, number, type Prepare, type Row, text } from "./database.ts";

export type KeyRecord = {
  readonly id: string;
  readonly name: string;
  readonly createdMs: number;
  readonly expiresMs: number | undefined;
  /** Its policy, as JSON. */
  readonly policy: string;
};

/** A key's secret, as its hash. */
type SecretRecord = {
  readonly hash: string;
  /** When it stops working because a new secret replaced it. */
  readonly expiresMs: number | undefined;
  readonly key: KeyRecord;
};

export type KeyStore = {
  /** Whether the file exists. Without it there are no keys, and the other calls would create it. */
  readonly exists: () => boolean;
  /** A text that changes when keys are changed here, or another process has written to the file. */
  readonly version: () => string;
  readonly count: () => number;
  /** Returns false if the name is taken. */
  readonly create: (record: KeyRecord, hash: string) => boolean;
  readonly findSecret: (hash: string) => SecretRecord | undefined;
  readonly get: (id: string) => KeyRecord | undefined;
  /** The key with this id, otherwise the one with this name. */
  readonly find: (idOrName: string) => KeyRecord | undefined;
  /** Oldest first. */
  readonly list: () => readonly KeyRecord[];
  /** Gives a key a new secret. Earlier ones work until `untilMs`. Returns whether there is such a key. */
  readonly rotate: (id: string, hash: string, untilMs: number) => boolean;
  /** Returns whether there was one. */
  readonly remove: (id: string) => boolean;
};

const COLUMNS = "keys.id AS id, keys.name AS name, keys.created_ms AS created_ms, keys.policy AS policy";
const KEYS = `SELECT ${COLUMNS}, keys.expires_ms AS expires_ms FROM keys`;

export function createKeyStore(database: Database): KeyStore {
  // SQLite's number doesn't change with what the same connection writes.
  let ownChanges = 0;
  function change<T>(work: (sql: Prepare) => T): T {
    const result = database.write(work);
    ownChanges += 1;
    return result;
  }

  const addSecret = (sql: Prepare, hash: string, id: string) =>
    sql("INSERT INTO key_secrets (hash, key) VALUES (?, ?)").run(hash, id);

  return {
    exists: database.exists,
    version: () =>
      database.read((sql) => `${number(sql("PRAGMA data_version").get() ?? {}, "data_version")} ${ownChanges}`),
    count: () => database.read((sql) => number(sql("SELECT count(*) AS count FROM keys").get() ?? {}, "count")),
    create: ({ id, name, createdMs, expiresMs, policy }, hash) =>
      change((sql) => {
        const { changes } = sql(
          "INSERT INTO keys (id, name, created_ms, expires_ms, policy) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        ).run(id, name, createdMs, expiresMs ?? null, policy);
        if (changes > 0) addSecret(sql, hash, id);
        return changes > 0;
      }),
    findSecret: (hash) =>
      database.read((sql) => {
        const row = sql(
          `SELECT ${COLUMNS}, keys.expires_ms AS expires_ms, key_secrets.hash AS hash, key_secrets.expires_ms AS ends_ms
           FROM key_secrets JOIN keys ON keys.id = key_secrets.key WHERE key_secrets.hash = ?`,
        ).get(hash);
        return row === undefined
          ? undefined
          : { hash: text(row, "hash"), expiresMs: numberOrNothing(row, "ends_ms"), key: toRecord(row) };
      }),
    get: (id) => database.read((sql) => toRecordOrNothing(sql(`${KEYS} WHERE id = ?`).get(id))),
    find: (idOrName) =>
      database.read(
        (sql) =>
          toRecordOrNothing(sql(`${KEYS} WHERE id = ?`).get(idOrName)) ??
          toRecordOrNothing(sql(`${KEYS} WHERE name = ?`).get(idOrName)),
      ),
    list: () => database.read((sql) => sql(`${KEYS} ORDER BY created_ms, name`).all().map(toRecord)),
    rotate: (id, hash, untilMs) =>
      change((sql) => {
        if (sql("SELECT 1 FROM keys WHERE id = ?").get(id) === undefined) return false;
        sql("UPDATE key_secrets SET expires_ms = min(coalesce(expires_ms, ?), ?) WHERE key = ?").run(
          untilMs,
          untilMs,
          id,
        );
        addSecret(sql, hash, id);
        return true;
      }),
    remove: (id) => change((sql) => sql("DELETE FROM keys WHERE id = ?").run(id).changes > 0),
  };
}

function toRecordOrNothing(row: Row | undefined): KeyRecord | undefined {
  return row === undefined ? undefined : toRecord(row);
}

function toRecord(row: Row): KeyRecord {
  return {
    id: text(row, "id"),
    name: text(row, "name"),
    createdMs: number(row, "created_ms"),
    expiresMs: numberOrNothing(row, "expires_ms"),
    policy: text(row, "policy"),
  };
}

function numberOrNothing(row: Row, column: string): number | undefined {
  return row[column] === null ? undefined : number(row, column);
}
