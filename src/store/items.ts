import { number, type Prepare, type Row, text } from "./database.ts";

/** An item of a conversation: a message, a tool call, a call's result, or reasoning. */
export type StoredItem = {
  /** Its row; undefined if it isn't stored yet. */
  readonly seq: number | undefined;
  /** Unique only within a conversation: clients may send items back under their old ids. */
  readonly id: string;
  /** The item as JSON, id included. */
  readonly body: string;
};

export type PageQuery = {
  readonly limit: number;
  readonly order: "asc" | "desc";
  /** The id of the last item of the previous page. */
  readonly after: string | undefined;
};

export type Page<T> = { readonly data: readonly T[]; readonly hasMore: boolean };

/** The tables that list the items of an owner, in order. */
export type ItemList = "response_items" | "conversation_items";

const COLUMNS = "items.seq AS seq, items.id AS id, items.body AS body";

export function toItem(row: Row): StoredItem {
  return { seq: number(row, "seq"), id: text(row, "id"), body: text(row, "body") };
}

/** Stores an item unless it is stored already. Returns its row. */
export function keepItem(sql: Prepare, tenant: string, item: StoredItem): number {
  // It may have been deleted while the request ran.
  if (item.seq !== undefined && sql("SELECT 1 FROM items WHERE seq = ?").get(item.seq) !== undefined) {
    return item.seq;
  }
  const added = sql("INSERT INTO items (id, tenant, body) VALUES (?, ?, ?)").run(item.id, tenant, item.body);
  return Number(added.lastInsertRowid);
}

/** One page of an owner's items, or undefined if `after` is none of them. `where` is an SQL condition. */
export function pageOfItems(
  sql: Prepare,
  list: ItemList,
  owner: string,
  { limit, order, after }: PageQuery,
  where = "TRUE",
): Page<StoredItem> | undefined {
  const from = `FROM ${list} AS list JOIN items ON items.seq = list.item WHERE list.owner = ? AND ${where}`;
  let position = order === "asc" ? -1 : Number.MAX_SAFE_INTEGER;
  if (after !== undefined) {
    const row = sql(`SELECT list.position AS position ${from} AND items.id = ?`).get(owner, after);
    if (row === undefined) {
      return undefined;
    }
    position = number(row, "position");
  }
  const [compare, direction] = order === "asc" ? [">", "ASC"] : ["<", "DESC"];
  const rows = sql(
    `SELECT ${COLUMNS} ${from} AND list.position ${compare} ? ORDER BY list.position ${direction} LIMIT ?`,
  ).all(owner, position, limit + 1);
  return { data: rows.slice(0, limit).map(toItem), hasMore: rows.length > limit };
}

/** All items of an owner, oldest first. */
export function allItems(sql: Prepare, list: ItemList, owner: string): readonly StoredItem[] {
  return sql(
    `SELECT ${COLUMNS} FROM ${list} AS list JOIN items ON items.seq = list.item WHERE list.owner = ? ORDER BY list.position`,
  )
    .all(owner)
    .map(toItem);
}

/** The newest item with this id, of any tenant. */
export function findItem(sql: Prepare, tenant: string, id: string): StoredItem | undefined {
  const row = sql(`SELECT ${COLUMNS} FROM items WHERE tenant = ? AND id = ? ORDER BY seq DESC LIMIT 1`).get(tenant, id);
  return row === undefined ? undefined : toItem(row);
}
