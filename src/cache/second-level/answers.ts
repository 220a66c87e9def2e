import type { Link } from "../../redis/link.ts";
import { KEPT_TTLS, type Label, type StoredEntry } from "../store.ts";
import type { Sought } from "../tier.ts";
import { answerName, answersLike } from "./names.ts";
import { readRecord, writeRecord } from "./record.ts";

/** How many answers were removed, and whether that is all. The rest stays until it is removed later or expires. */
export type Removed = { readonly deleted: number; readonly isComplete: boolean };

/** Answers in Valkey or Redis. No call rejects, and each takes a bounded time. */
export type SharedAnswers = {
  readonly get: (sought: Sought) => Promise<StoredEntry | undefined>;
  readonly put: (entry: StoredEntry) => Promise<void>;
  readonly clear: (which: Partial<Label>) => Promise<Removed>;
};

export type SharedAnswersOptions = {
  readonly link: Pick<Link, "run">;
  /** The longest time that an answer is fresh, in ms, unless a preset says otherwise. */
  readonly ttlMs: number;
  /** The time in Unix ms. */
  readonly now: () => number;
};

/** How many names one step of a search looks at, so that it doesn't block the server. */
const SCAN_COUNT = 1_000;
/** Less than the timeout of `sluice cache clear`. */
const CLEAR_MS = 5_000;

export function shareAnswers({ link, ttlMs, now }: SharedAnswersOptions): SharedAnswers {
  return {
    async get(sought) {
      const record = await link.run((client) => client.get(answerName(sought.key, sought.label)));
      const entry = Buffer.isBuffer(record) ? await readRecord(record, sought) : undefined;
      // Another gateway's clock may be ahead, and its settings may differ.
      const longestMs = (sought.request.cache?.freshSeconds ?? ttlMs / 1_000) * 1_000;
      return (
        entry && { ...entry, storedMs: Math.min(entry.storedMs, now()), freshMs: Math.min(entry.freshMs, longestMs) }
      );
    },
    async put(entry) {
      const leftMs = Math.floor(entry.storedMs + entry.freshMs * KEPT_TTLS - now());
      const record = leftMs > 0 ? await writeRecord(entry).catch(() => undefined) : undefined;
      if (record === undefined) return;
      const expiration = { type: "PX", value: leftMs } as const;
      await link.run((client) => client.set(answerName(entry.key, entry), record, { expiration }));
    },
    async clear(which) {
      const endMs = now() + CLEAR_MS;
      let cursor: string | undefined = "0";
      let deleted = 0;
      do {
        const from: string = cursor;
        const step = await link.run(async (client) => {
          const { cursor, keys } = await client.scan(from, { MATCH: answersLike(which), COUNT: SCAN_COUNT });
          return { cursor: String(cursor), removed: keys.length === 0 ? 0 : await client.unlink(keys) };
        });
        deleted += step?.removed ?? 0;
        cursor = step?.cursor;
      } while (cursor !== undefined && cursor !== "0" && now() < endMs);
      return { deleted, isComplete: cursor === "0" };
    },
  };
}
