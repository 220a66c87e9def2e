import type { CacheNews } from "../generation/cache.ts";

/** How the cache handled a request, as far as is known. */
export type CacheOutcome = {
  /** Takes a report of the cache. */
  readonly note: (news: CacheNews) => void;
  /** Returns undefined without a report. */
  readonly known: () => CacheNews | undefined;
  /** Whether the whole answer is stored and is sent as fast as the client reads it. */
  readonly comesAtOnce: () => boolean;
};

/**
 * Watches a request that begins now. An answer of several generations is a hit only if all of them are, and its age is that of the oldest.
 *
 * @param isPaced whether a stored answer comes at the pace of its generation
 */
export function watchCache(isPaced = false): CacheOutcome {
  let known: CacheNews | undefined;

  return {
    note(news) {
      if (
        known === undefined ||
        (known.type === "hit" && (news.type !== "hit" || news.ageSeconds > known.ageSeconds))
      ) {
        known = news;
      }
    },
    known: () => known,
    comesAtOnce: () => !isPaced && known?.type === "hit",
  };
}
