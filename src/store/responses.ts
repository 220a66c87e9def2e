import { appendItems } from "./conversations.ts";
import { type Database, type Prepare, text, textOrNull } from "./database.ts";
import { allItems, findItem, keepItem, type Page, type PageQuery, pageOfItems, type StoredItem } from "./items.ts";

export type ResponseRecord = {
  readonly id: string;
  readonly createdMs: number;
  readonly status: string;
  /** The response object as JSON, output included. */
  readonly body: string;
  /** The events of its stream as JSON, if the stream can be resumed. */
  readonly events: string | null;
};

/** The input and output items of a response. */
type ResponseItems = {
  /** The items before this turn. */
  readonly context: readonly StoredItem[];
  readonly input: readonly StoredItem[];
  readonly output: readonly StoredItem[];
};

/** A finished response, to be stored. */
export type Outcome = ResponseItems & {
  readonly record: ResponseRecord;
  /** Whether the response itself is stored, or only what it adds to its conversation. */
  readonly keep: boolean;
  /** The conversation to which its input and output are added. */
  readonly conversation: string | undefined;
};

export type ResponseStore = {
  /** Stores a response that still runs. It is marked as failed if this process dies before `finish`. */
  readonly begin: (record: ResponseRecord, items: Omit<ResponseItems, "output">) => void;
  /** Stores a finished response that ran in the foreground, in one transaction. */
  readonly save: (outcome: Outcome) => void;
  /** Stores the end of a response that was begun. Does nothing if it was deleted. */
  readonly finish: (outcome: Outcome) => void;
  readonly get: (id: string) => ResponseRecord | undefined;
  /** All items before a response, and its own, oldest first. */
  readonly items: (id: string) => readonly StoredItem[];
  /** Only its input items. Undefined if `after` is none of them. */
  readonly inputItems: (id: string, query: PageQuery) => Page<StoredItem> | undefined;
  /** The newest item with this id, of any response or conversation. */
  readonly findItem: (id: string) => StoredItem | undefined;
  /** Returns whether there was one. */
  readonly remove: (id: string) => boolean;
};

const RUNNING = "status IN ('queued', 'in_progress')";

export function createResponseStore(
  database: Database,
  { tenant, pid, now, afterWrite }: ResponseStoreOptions,
): ResponseStore {
  function insert(sql: Prepare, { id, createdMs, status, body, events }: ResponseRecord): void {
    sql("INSERT INTO responses (id, tenant, created_ms, status, pid, body, events) VALUES (?, ?, ?, ?, ?, ?, ?)").run(
      id,
      tenant,
      createdMs,
      status,
      pid,
      body,
      events,
    );
  }

  function change(sql: Prepare, { id, status, body, events }: ResponseRecord): boolean {
    const { changes } = sql(
      `UPDATE responses SET status = ?, body = ?, events = ? WHERE id = ? AND tenant = ? AND ${RUNNING}`,
    ).run(status, body, events, id, tenant);
    return changes > 0;
  }

  function link(sql: Prepare, id: string, items: readonly number[], from: number, isOutput: boolean): void {
    for (const [index, item] of items.entries()) {
      sql("INSERT INTO response_items (owner, position, item, is_output) VALUES (?, ?, ?, ?)").run(
        id,
        from + index,
        item,
        isOutput ? 1 : 0,
      );
    }
  }

  const keepAll = (sql: Prepare, items: readonly StoredItem[]) => items.map((item) => keepItem(sql, tenant, item));

  return {
    begin(record, { context, input }) {
      database.write((sql) => {
        insert(sql, record);
        link(sql, record.id, keepAll(sql, [...context, ...input]), 0, false);
        afterWrite(sql);
      });
    },
    save({ record, context, input, output, keep, conversation }) {
      database.write((sql) => {
        const before = keep ? keepAll(sql, context) : [];
        const [said, made] = [keepAll(sql, input), keepAll(sql, output)];
        if (keep) {
          insert(sql, record);
          link(sql, record.id, [...before, ...said], 0, false);
          link(sql, record.id, made, before.length + said.length, true);
        }
        if (conversation !== undefined) {
          appendItems(sql, tenant, conversation, [...said, ...made], now());
        }
        afterWrite(sql);
      });
    },
    finish({ record, context, input, output, conversation }) {
      database.write((sql) => {
        if (!change(sql, record)) {
          return;
        }
        const made = keepAll(sql, output);
        link(sql, record.id, made, context.length + input.length, true);
        if (conversation !== undefined) {
          const rows = sql(
            "SELECT item FROM response_items WHERE owner = ? AND is_output = 0 AND position >= ? ORDER BY position",
          ).all(record.id, context.length);
          appendItems(sql, tenant, conversation, [...rows.map(({ item }) => Number(item)), ...made], now());
        }
      });
    },
    get: (id) =>
      database.read((sql) => {
        const row = sql("SELECT * FROM responses WHERE id = ? AND tenant = ?").get(id, tenant);
        return row === undefined
          ? undefined
          : {
              id: text(row, "id"),
              createdMs: Number(row.created_ms),
              status: text(row, "status"),
              body: text(row, "body"),
              events: textOrNull(row, "events"),
            };
      }),
    items: (id) => database.read((sql) => allItems(sql, "response_items", id)),
    inputItems: (id, query) =>
      database.read((sql) => pageOfItems(sql, "response_items", id, query, "list.is_output = 0")),
    findItem: (id) => database.read((sql) => findItem(sql, tenant, id)),
    remove: (id) =>
      database.write((sql) => sql("DELETE FROM responses WHERE id = ? AND tenant = ?").run(id, tenant).changes > 0),
  };
}

export type ResponseStoreOptions = {
  readonly tenant: string;
  readonly pid: number;
  /** The time in Unix ms. */
  readonly now: () => number;
  /** Called in each transaction that adds to the file. */
  readonly afterWrite: (sql: Prepare) => void;
};

/**
 * Marks the responses of dead processes as failed. Those of another gateway on the same file are left alone while `isAlive` returns true for its
 * process; those with this process's own id are from an earlier process.
 */
export function failInterrupted(sql: Prepare, pid: number, isAlive: (pid: number) => boolean): void {
  const error = JSON.stringify({
    code: "server_error",
    message: "The server stopped while it worked on this response. Send the request again.",
  });
  for (const row of sql(`SELECT DISTINCT pid FROM responses WHERE ${RUNNING}`).all()) {
    const owner = Number(row.pid);
    if (owner === pid || !isAlive(owner)) {
      sql(
        `UPDATE responses SET status = 'failed', body = json_set(body, '$.status', 'failed', '$.error', json(?))
         WHERE pid = ? AND ${RUNNING}`,
      ).run(error, owner);
    }
  }
}
