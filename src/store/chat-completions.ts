import { type Database, number, type Prepare, type Row, text } from "./database.ts";
import type { Page, PageQuery } from "./items.ts";

export type ChatRecord = {
  readonly id: string;
  readonly createdMs: number;
  readonly model: string;
  /** As JSON. */
  readonly metadata: string;
  /** The `chat.completion` object as JSON. */
  readonly body: string;
  /** The request's messages as JSON. */
  readonly messages: string;
};

type ChatQuery = PageQuery & {
  readonly model: string | undefined;
  /** Only completions whose metadata contains all of these. */
  readonly metadata: ReadonlyMap<string, string>;
};

export type ChatStore = {
  readonly save: (record: ChatRecord) => void;
  readonly get: (id: string) => ChatRecord | undefined;
  /** In the order in which they were stored. Undefined if there is no completion `after`. */
  readonly page: (query: ChatQuery) => Page<ChatRecord> | undefined;
  /** Returns whether there was one. */
  readonly setMetadata: (id: string, metadata: string) => boolean;
  /** Returns whether there was one. */
  readonly remove: (id: string) => boolean;
};

export type ChatStoreOptions = {
  readonly tenant: string;
  /** Called in each transaction that adds to the file. */
  readonly afterWrite: (sql: Prepare) => void;
};

export function createChatStore(database: Database, { tenant, afterWrite }: ChatStoreOptions): ChatStore {
  const find = (sql: Prepare, id: string) =>
    sql("SELECT * FROM chat_completions WHERE id = ? AND tenant = ?").get(id, tenant);

  return {
    save({ id, createdMs, model, metadata, body, messages }) {
      database.write((sql) => {
        sql(
          `INSERT INTO chat_completions (id, tenant, created_ms, model, metadata, body, messages)
           VALUES (?, ?, ?, ?, ?, ?, ?)`,
        ).run(id, tenant, createdMs, model, metadata, body, messages);
        afterWrite(sql);
      });
    },
    get: (id) =>
      database.read((sql) => {
        const row = find(sql, id);
        return row === undefined ? undefined : toRecord(row);
      }),
    page: ({ limit, order, after, model, metadata }) =>
      database.read((sql) => {
        let seq = order === "asc" ? -1 : Number.MAX_SAFE_INTEGER;
        if (after !== undefined) {
          const row = find(sql, after);
          if (row === undefined) {
            return undefined;
          }
          seq = number(row, "seq");
        }
        const [compare, direction] = order === "asc" ? [">", "ASC"] : ["<", "DESC"];
        const pairs = [...metadata];
        const hasPair = " AND EXISTS (SELECT 1 FROM json_each(metadata) WHERE key = ? AND value = ?)";
        const rows = sql(
          `SELECT * FROM chat_completions WHERE tenant = ? AND seq ${compare} ? AND model = coalesce(?, model)
           ${hasPair.repeat(pairs.length)} ORDER BY seq ${direction} LIMIT ?`,
        ).all(tenant, seq, model ?? null, ...pairs.flat(), limit + 1);
        return { data: rows.slice(0, limit).map(toRecord), hasMore: rows.length > limit };
      }),
    setMetadata: (id, metadata) =>
      database.write(
        (sql) =>
          sql("UPDATE chat_completions SET metadata = ? WHERE id = ? AND tenant = ?").run(metadata, id, tenant)
            .changes > 0,
      ),
    remove: (id) =>
      database.write(
        (sql) => sql("DELETE FROM chat_completions WHERE id = ? AND tenant = ?").run(id, tenant).changes > 0,
      ),
  };
}

function toRecord(row: Row): ChatRecord {
  return {
    id: text(row, "id"),
    createdMs: number(row, "created_ms"),
    model: text(row, "model"),
    metadata: text(row, "metadata"),
    body: text(row, "body"),
    messages: text(row, "messages"),
  };
}
