import { LRUCache } from "lru-cache";
import { packAnswer, type TimedEvent, type UnpackOptions, unpackAnswer } from "./entry.ts";

/** A stored answer. */
export type Answer = {
  /** Stands for the answer: one that is stored later under the same key has another. */
  readonly id: object;
  readonly events: (options?: UnpackOptions) => readonly TimedEvent[];
  readonly storedMs: number;
  /** How long it is fresh, in ms from `storedMs`. */
  readonly freshMs: number;
};

/** The owner, model and preset of an answer. */
export type Label = {
  /** The model's id. */
  readonly model: string;
  readonly scope: string;
  /** The id of the preset of the request that generated the answer. */
  readonly preset?: string;
};

export type StoreOptions = {
  /** The most memory for all answers, in bytes. */
  readonly maxBytes: number;
  /** How long an answer is fresh, in ms. */
  readonly ttlMs: number;
  /** Called with the id of each answer that is removed or replaced. */
  readonly onGone?: (id: object) => void;
  /** The time in Unix ms; `Date.now` if absent. */
  readonly now?: () => number;
  /** From 0 to 1; `Math.random` if absent. */
  readonly random?: () => number;
};

export type AnswerStore = {
  readonly get: (key: string) => Answer | undefined;
  /** Returns whether the answer was stored; false if it is too large. @param freshSeconds `ttlMs` if absent */
  readonly put: (key: string, events: readonly TimedEvent[], label: Label, freshSeconds?: number) => boolean;
  /** Returns the entry of a key, in the form for other stores. Doesn't count as a use. */
  readonly entry: (key: string) => StoredEntry | undefined;
  /** Removes all answers that match all given fields, and returns how many. */
  readonly clear: (which?: Partial<Label>) => number;
  /** Returns all entries, the most recently used last. */
  readonly entries: () => Iterable<StoredEntry>;
  /** Stores an entry from another store, unless it is too old. */
  readonly restore: (entry: StoredEntry) => void;
  readonly size: () => { readonly entries: number; readonly bytes: number };
};

/** An answer in the form for other stores: the file and Redis. */
export type StoredEntry = Label &
  Omit<Answer, "events" | "id"> & {
    readonly key: string;
    /** The output of `packAnswer`. */
    readonly bytes: Buffer;
  };

/** Each answer is fresh for a random time up to this much shorter, so that those stored together don't all expire together. */
const JITTER = 0.1;
/** A stale answer is kept for as long again, for requests with `stale-while-revalidate`. */
export const KEPT_TTLS = 2;
/** One answer may take at most one part in this many of the memory. */
const LARGEST_SHARE = 8;
const PURGE_EVERY_MS = 60_000;

/** The memory of an entry besides its bytes: the key, the record, its buffer, its place in the list. Measured with 100,000 entries. */
export const ENTRY_OVERHEAD_BYTES = 640;

type Entry = Omit<StoredEntry, "key">;

/** Keeps the most recently used answers in memory, as many as fit. */
export function createAnswerStore({
  maxBytes,
  ttlMs,
  onGone,
  now = Date.now,
  random = Math.random,
}: StoreOptions): AnswerStore {
  const entries = new LRUCache<string, Entry>({
    maxSize: maxBytes,
    maxEntrySize: Math.max(1, Math.floor(maxBytes / LARGEST_SHARE)),
    perf: { now },
    ttlResolution: 0,
    ...(onGone && { dispose: ({ bytes }: Entry) => onGone(bytes) }),
  });
  let purgedMs = now();

  /** Removes expired entries, which would otherwise stay until their memory is needed. */
  function purge(): void {
    if (now() - purgedMs < PURGE_EVERY_MS) return;
    purgedMs = now();
    entries.purgeStale();
  }

  function set(key: string, entry: Entry): void {
    const { bytes, freshMs, storedMs } = entry;
    const size = bytes.length + ENTRY_OVERHEAD_BYTES;
    entries.set(key, entry, { size, ttl: freshMs * KEPT_TTLS, start: storedMs });
  }

  return {
    get(key) {
      const entry = entries.get(key);
      if (entry === undefined) return undefined;
      const { bytes, storedMs, freshMs } = entry;
      return { id: bytes, events: (options) => unpackAnswer(bytes, options), storedMs, freshMs };
    },
    put(key, events, label, freshSeconds) {
      purge();
      const bytes = packAnswer(events);
      const longestMs = freshSeconds === undefined ? ttlMs : freshSeconds * 1_000;
      set(key, { ...label, bytes, storedMs: now(), freshMs: longestMs * (1 - JITTER * random()) });
      return entries.has(key);
    },
    entry(key) {
      const entry = entries.peek(key);
      return entry && { key, ...entry };
    },
    clear({ model, scope, preset } = {}) {
      // `entries` skips those that have expired.
      entries.purgeStale();
      const gone = [...entries.entries()].filter(
        ([, entry]) =>
          (model ?? entry.model) === entry.model &&
          (scope ?? entry.scope) === entry.scope &&
          (preset ?? entry.preset) === entry.preset,
      );
      for (const [key] of gone) entries.delete(key);
      return gone.length;
    },
    *entries() {
      for (const key of entries.rkeys()) {
        const entry = entries.peek(key);
        if (entry !== undefined) yield { key, ...entry };
      }
    },
    restore({ key, ...entry }) {
      // An entry from the future, due to a wrong clock, would stay fresh too long.
      if (entry.storedMs <= now() && entry.storedMs + entry.freshMs * KEPT_TTLS > now()) set(key, entry);
    },
    size: () => ({ entries: entries.size, bytes: entries.calculatedSize }),
  };
}
