import { LRUCache } from "lru-cache";
import { packAnswer, type TimedEvent, type UnpackOptions, unpackAnswer } from "./entry.ts";

/** A stored answer. */
export type Answer = {
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
  /** The id of the preset that it was asked with; of those who asked first, where several have the same answer. */
  readonly preset?: string;
};

export type StoreOptions = {
  /** What all answers may take, in bytes of memory. */
  readonly maxBytes: number;
  /** How long an answer is fresh, in ms. */
  readonly ttlMs: number;
  /** The time in Unix ms; `Date.now` if absent. */
  readonly now?: () => number;
  /** From 0 to 1; `Math.random` if absent. */
  readonly random?: () => number;
};

export type AnswerStore = {
  readonly get: (key: string) => Answer | undefined;
  /** Returns whether it was stored: one that is too large is not. @param freshSeconds `ttlMs` if absent */
  readonly put: (key: string, events: readonly TimedEvent[], label: Label, freshSeconds?: number) => boolean;
  /** Returns the entry of a key in the form for other stores. Does not count as a use. */
  readonly entry: (key: string) => StoredEntry | undefined;
  /** Forgets all answers that have all of these, and returns how many they were. */
  readonly clear: (which?: Partial<Label>) => number;
  /** All entries, the most recently used last. */
  readonly entries: () => Iterable<StoredEntry>;
  /** Stores an entry from another store, unless it is too old. */
  readonly restore: (entry: StoredEntry) => void;
  readonly size: () => { readonly entries: number; readonly bytes: number };
};

/** An answer in the form for other stores: the file and Redis. */
export type StoredEntry = Label &
  Omit<Answer, "events"> & {
    readonly key: string;
    /** As `packAnswer` has it. */
    readonly bytes: Buffer;
  };

/** Answers that were stored together don't grow old together: each is fresh for up to so much less. */
const JITTER = 0.1;
/** An answer that is no longer fresh is kept for as long again, for requests that take it while another is made. */
export const KEPT_TTLS = 2;
/** One answer may take so much of all: with fewer than eight there is little to hit. */
const LARGEST_SHARE = 8;
const PURGE_EVERY_MS = 60_000;

/** What an entry takes besides its bytes: the key, the record, its buffer, its place in the list. Measured with 100,000 entries. */
export const ENTRY_OVERHEAD_BYTES = 640;

type Entry = Omit<StoredEntry, "key">;

/** Keeps answers in memory: those that were asked for last, as many as fit. */
export function createAnswerStore({
  maxBytes,
  ttlMs,
  now = Date.now,
  random = Math.random,
}: StoreOptions): AnswerStore {
  const entries = new LRUCache<string, Entry>({
    maxSize: maxBytes,
    maxEntrySize: Math.max(1, Math.floor(maxBytes / LARGEST_SHARE)),
    perf: { now },
    ttlResolution: 0,
  });
  let purgedMs = now();

  /** Removes expired entries, which would otherwise stay until their room is needed. */
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
      return { events: (options) => unpackAnswer(bytes, options), storedMs, freshMs };
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
      // A clock that was wrong must not make it younger than it is.
      if (entry.storedMs <= now() && entry.storedMs + entry.freshMs * KEPT_TTLS > now()) set(key, entry);
    },
    size: () => ({ entries: entries.size, bytes: entries.calculatedSize }),
  };
}
