import type { CacheNews } from "../generation/cache.ts";

/** What the cache made of a request, as far as it has told. */
export type CacheOutcome = {
  /** Hears the cache. */
  readonly note: (news: CacheNews) => void;
  /** Undefined where nothing was told. */
  readonly known: () => CacheNews | undefined;
  /** Whether the whole answer is here already, to be sent as fast as it is read. */
  readonly comesAtOnce: () => boolean;
};

/**
 * What becomes of a request from now on. Where several generations make one answer, it is a hit only if all of them are, and then as old as
 * the oldest.
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
