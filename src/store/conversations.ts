import { type Database, number, type Prepare, text } from "./database.ts";
import { allItems, keepItem, type Page, type PageQuery, pageOfItems, type StoredItem, toItem } from "./items.ts";

export type ConversationRecord = {
  readonly id: string;
  readonly createdMs: number;
  /** As JSON. */
  readonly metadata: string;
};

export type ConversationStore = {
  readonly create: (record: ConversationRecord, items: readonly StoredItem[]) => void;
  readonly get: (id: string) => ConversationRecord | undefined;
  /** Returns whether there was one. */
  readonly setMetadata: (id: string, metadata: string) => boolean;
  /** Returns whether there was one. Its items are deleted unless a response holds them. */
  readonly remove: (id: string) => boolean;
  readonly countItems: (id: string) => number;
  /** Adds items at the end. Returns whether there is such a conversation. */
  readonly add: (id: string, items: readonly StoredItem[]) => boolean;
  /** All items, oldest first. */
  readonly items: (id: string) => readonly StoredItem[];
  /** Undefined if `after` is none of its items. */
  readonly page: (id: string, query: PageQuery) => Page<StoredItem> | undefined;
  readonly getItem: (id: string, itemId: string) => StoredItem | undefined;
  /** Returns whether there was one. */
  readonly removeItem: (id: string, itemId: string) => boolean;
};

export type ConversationStoreOptions = {
  readonly tenant: string;
  /** The time in Unix ms. */
  readonly now: () => number;
  /** Called in each transaction that adds to the file. */
  readonly afterWrite: (sql: Prepare) => void;
};

export function createConversationStore(
  database: Database,
  { tenant, now, afterWrite }: ConversationStoreOptions,
): ConversationStore {
  const keepAll = (sql: Prepare, items: readonly StoredItem[]) => items.map((item) => keepItem(sql, tenant, item));

  return {
    create({ id, createdMs, metadata }, items) {
      database.write((sql) => {
        sql("INSERT INTO conversations (id, tenant, created_ms, changed_ms, metadata) VALUES (?, ?, ?, ?, ?)").run(
          id,
          tenant,
          createdMs,
          now(),
          metadata,
        );
        appendItems(sql, tenant, id, keepAll(sql, items), now());
        afterWrite(sql);
      });
    },
    get: (id) =>
      database.read((sql) => {
        const row = sql("SELECT * FROM conversations WHERE id = ? AND tenant = ?").get(id, tenant);
        return row === undefined
          ? undefined
          : { id: text(row, "id"), createdMs: number(row, "created_ms"), metadata: text(row, "metadata") };
      }),
    setMetadata: (id, metadata) =>
      database.write(
        (sql) =>
          sql("UPDATE conversations SET metadata = ?, changed_ms = ? WHERE id = ? AND tenant = ?").run(
            metadata,
            now(),
            id,
            tenant,
          ).changes > 0,
      ),
    remove: (id) =>
      database.write((sql) => sql("DELETE FROM conversations WHERE id = ? AND tenant = ?").run(id, tenant).changes > 0),
    countItems: (id) =>
      database.read((sql) =>
        number(sql("SELECT count(*) AS count FROM conversation_items WHERE owner = ?").get(id) ?? {}, "count"),
      ),
    add: (id, items) =>
      database.write((sql) => {
        const added = appendItems(sql, tenant, id, keepAll(sql, items), now());
        afterWrite(sql);
        return added;
      }),
    items: (id) => database.read((sql) => allItems(sql, "conversation_items", id)),
    page: (id, query) => database.read((sql) => pageOfItems(sql, "conversation_items", id, query)),
    getItem: (id, itemId) =>
      database.read((sql) => {
        const row = sql(
          `SELECT items.seq AS seq, items.id AS id, items.body AS body FROM conversation_items AS list
           JOIN items ON items.seq = list.item WHERE list.owner = ? AND items.id = ?`,
        ).get(id, itemId);
        return row === undefined ? undefined : toItem(row);
      }),
    removeItem: (id, itemId) =>
      database.write(
        (sql) =>
          sql(
            `DELETE FROM conversation_items WHERE owner = ? AND position IN (
               SELECT list.position FROM conversation_items AS list JOIN items ON items.seq = list.item
               WHERE list.owner = ? AND items.id = ?)`,
          ).run(id, id, itemId).changes > 0,
      ),
  };
}

/** Adds stored items at a conversation's end. Returns whether the conversation exists: it may have been deleted while a response ran. */
export function appendItems(
  sql: Prepare,
  tenant: string,
  id: string,
  items: readonly number[],
  nowMs: number,
): boolean {
  const { changes } = sql("UPDATE conversations SET changed_ms = ? WHERE id = ? AND tenant = ?").run(nowMs, id, tenant);
  if (changes === 0) {
    return false;
  }
  const row = sql("SELECT coalesce(max(position), -1) AS last FROM conversation_items WHERE owner = ?").get(id);
  const last = number(row ?? {}, "last");
  for (const [index, item] of items.entries()) {
    sql("INSERT INTO conversation_items (owner, position, item) VALUES (?, ?, ?)").run(id, last + 1 + index, item);
  }
  return true;
}
