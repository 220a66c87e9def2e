import type { FileRecord, FileStore } from "../store/files.ts";
import type { Either } from "../store/shelf.ts";
import { listsOf, numberOf, textOf, wordsOf } from "./replies.ts";
import { GET_FILE, PAGE_FILES, REMOVE_FILE, STORE_FILE, USED } from "./scripts.ts";
import type { SharedStore } from "./store.ts";

export type FileRowsOptions = {
  readonly store: SharedStore;
  readonly tenant: string;
  /** The time in Unix ms. */
  readonly now: () => number;
};

/** Rows that are read at once. */
const PAGE = 500;

type Row = { readonly seq: number; readonly record: FileRecord };

/** The files of one tenant, in Redis. */
export function createFileRows({ store, tenant, now }: FileRowsOptions): Either<FileStore> {
  const lives = ({ expiresMs }: FileRecord) => expiresMs === null || expiresMs > now();

  async function find(id: string): Promise<(Row & { readonly isOwn: boolean }) | undefined> {
    const reply = wordsOf(await store.call(GET_FILE, id));
    const owner = textOf(reply[6]);
    if (owner === undefined || textOf(reply[7]) !== "stored") return undefined;
    return { ...toRow(id, reply), isOwn: owner === tenant };
  }

  return {
    async add({ id, createdMs, expiresMs, filename, purpose }, { maxFiles }) {
      // Its bytes were counted as they came.
      const words = [tenant, id, createdMs, expiresMs ?? "", filename, purpose, maxFiles];
      return (await store.call(STORE_FILE, ...words)) === 1;
    },
    async get(id) {
      const row = await find(id);
      return row?.isOwn === true && lives(row.record) ? row.record : undefined;
    },
    async page({ limit, order, after, purpose }) {
      const before = after === undefined ? undefined : await find(after);
      if (after !== undefined && before?.isOwn !== true) return undefined;
      const found: FileRecord[] = [];
      let from: number | string = before?.seq ?? (order === "asc" ? "-inf" : "+inf");
      while (found.length <= limit) {
        const most = Math.min(PAGE, limit + 1);
        const rows = listsOf(await store.call(PAGE_FILES, tenant, from, order, most)).map(([id, ...row]) =>
          toRow(textOf(id) ?? "", row),
        );
        found.push(
          ...rows
            .map(({ record }) => record)
            .filter((file) => lives(file) && (purpose === undefined || file.purpose === purpose)),
        );
        if (rows.length < most) break;
        from = rows.at(-1)?.seq ?? from;
      }
      return { data: found.slice(0, limit), hasMore: found.length > limit };
    },
    remove: async (id) => (await store.call(REMOVE_FILE, tenant, id)) === 1,
    usedBytes: async () => numberOf(wordsOf(await store.call(USED, tenant))[0]),
  };
}

function toRow(id: string, [seq, createdMs, expiresMs, bytes, filename, purpose]: ReturnType<typeof wordsOf>): Row {
  const expires = textOf(expiresMs) ?? "";
  return {
    seq: numberOf(seq),
    record: {
      id,
      createdMs: numberOf(createdMs),
      expiresMs: expires === "" ? null : Number(expires),
      bytes: numberOf(bytes),
      filename: textOf(filename) ?? "",
      purpose: textOf(purpose) ?? "",
    },
  };
}
