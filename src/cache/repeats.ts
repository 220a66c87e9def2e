import { LRUCache } from "lru-cache";
import type { CacheWish, Served } from "../generation/cache.ts";
import { choose } from "./choose.ts";
import type { AnswerStore } from "./store.ts";

/** How a stored answer was sent to a request, to be sent so again. */
type Sent<Form> = {
  readonly served: Served;
  readonly model: string;
  /** What the request asked of the cache. */
  readonly wish: CacheWish;
  readonly form: Form;
};

/** What would be sent now, with the age and the rest of the life of the answer. */
type Repeatable<Form> = Sent<Form> & { readonly ageSeconds: number; readonly ttlSeconds: number };

/** Answers in the form in which they were sent, by the digests of their requests. Each goes when the stored answer goes. */
export type Repeats<Form> = {
  /** Whether there is one, whatever it is worth now. Cheap. */
  readonly has: (digest: string) => boolean;
  /** Undefined unless the stored answer would be a fresh hit from memory now. */
  readonly find: (digest: string) => Repeatable<Form> | undefined;
  /** @param bytes the memory of the form */
  readonly keep: (digest: string, sent: Sent<Form>, bytes: number) => void;
  readonly size: () => { readonly entries: number; readonly bytes: number };
};

export type RepeatsOptions = {
  readonly maxBytes: number;
  readonly store: Pick<AnswerStore, "get">;
  /** The identity of a model; undefined means that its answers aren't cached. */
  readonly identify: (model: string) => string | undefined;
  /** The time in Unix ms; `Date.now` if absent. */
  readonly now?: () => number;
};

/** The memory of an entry besides its form: the digest, the records, its places in the lists. Measured with 4,000 entries. */
const OVERHEAD_BYTES = 2_048;
/** One form may take at most one part in this many of the memory. */
const LARGEST_SHARE = 8;

/** @returns the forms, and what must be told of each answer that goes from the store */
export function createRepeats<Form>(
  options: RepeatsOptions,
): Repeats<Form> & { readonly forget: (id: object) => void } {
  const { maxBytes, store, identify, now = Date.now } = options;
  const digestsOf = new Map<object, Set<string>>();
  const sent = new LRUCache<string, Sent<Form>>({
    maxSize: maxBytes,
    maxEntrySize: Math.max(1, Math.floor(maxBytes / LARGEST_SHARE)),
    dispose({ served: { answer } }, digest) {
      const digests = digestsOf.get(answer);
      digests?.delete(digest);
      if (digests?.size === 0) digestsOf.delete(answer);
    },
  });

  return {
    has: (digest) => sent.has(digest),
    find(digest) {
      const found = sent.get(digest);
      if (found === undefined) return undefined;
      const { key, identity, answer: id } = found.served;
      if (identify(found.model) !== identity) return undefined;
      const answer = store.get(key);
      if (answer?.id !== id) return undefined;
      const choice = choose(answer, found.wish, now());
      if (choice.type !== "hit" || choice.isStale) return undefined;
      return { ...found, ageSeconds: choice.ageMs / 1_000, ttlSeconds: choice.ttlMs / 1_000 };
    },
    keep(digest, what, bytes) {
      const { answer } = what.served;
      // It may have gone since it was served.
      if (store.get(what.served.key)?.id !== answer) return;
      sent.set(digest, what, { size: bytes + OVERHEAD_BYTES });
      if (!sent.has(digest)) return;
      const digests = digestsOf.get(answer) ?? new Set();
      digestsOf.set(answer, digests.add(digest));
    },
    forget(id) {
      for (const digest of digestsOf.get(id) ?? []) sent.delete(digest);
    },
    size: () => ({ entries: sent.size, bytes: sent.calculatedSize }),
  };
}
