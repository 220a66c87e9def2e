import { type CacheNews, SEMANTIC_DETAIL } from "../generation/cache.ts";
import { tenantScope } from "./key.ts";
import type { Removed } from "./second-level/answers.ts";
import type { SecondLevel, SharedStats } from "./second-level/second-level.ts";
import type { AnswerStore, Label } from "./store.ts";

/** The cache's contents, and its counts since the start. */
type CacheStats = {
  readonly entries: number;
  readonly bytes: number;
  readonly maxBytes: number;
  readonly hits: number;
  /** Hits that were answers to another text that asks for the same. */
  readonly semanticHits: number;
  /** Requests that used the cache and had to be generated. */
  readonly misses: number;
  /** Misses that shared the generation of an earlier request. */
  readonly collapsed: number;
  /** Requests that didn't use the cache. */
  readonly bypassed: number;
};

/** The cache for operators. */
export type CacheControl = {
  readonly stats: () => CacheStats;
  /** Removes answers, and returns how many. */
  readonly clear: (which: Which) => number;
  /** The second level, shared with other gateways; undefined if there is none. */
  readonly shared?: {
    readonly stats: () => SharedStats;
    readonly clear: (which: Which) => Promise<Removed>;
  };
};

/** The answers to remove: those that match all given fields. */
type Which = { readonly model?: string; readonly key?: string; readonly preset?: string };

/** Counts the outcomes of requests. */
export type CacheCounter = { readonly note: (news: CacheNews) => void; readonly counts: () => Counts };

type Counts = Pick<CacheStats, "hits" | "semanticHits" | "misses" | "collapsed" | "bypassed">;

export function createCacheCounter(): CacheCounter {
  const counts = { hits: 0, semanticHits: 0, misses: 0, collapsed: 0, bypassed: 0 };
  return {
    note(news) {
      if (news.type === "hit") {
        counts.hits += 1;
        if (news.detail === SEMANTIC_DETAIL) counts.semanticHits += 1;
      } else if (news.type === "none") counts.misses += 1;
      else if (news.reason === "bypass") counts.bypassed += 1;
      else {
        counts.misses += 1;
        if (news.collapsed) counts.collapsed += 1;
      }
    },
    counts: () => ({ ...counts }),
  };
}

/** The figures of a store and a counter. */
export function controlCache(
  store: Pick<AnswerStore, "size" | "clear">,
  counter: CacheCounter,
  maxBytes: number,
  shared?: Pick<SecondLevel, "stats" | "clear">,
): CacheControl {
  return {
    stats: () => ({ ...store.size(), maxBytes, ...counter.counts() }),
    clear: (which) => store.clear(labelOf(which)),
    ...(shared && { shared: { stats: shared.stats, clear: (which) => shared.clear(labelOf(which)) } }),
  };
}

function labelOf({ key, ...others }: Which): Partial<Label> {
  return { ...others, ...(key !== undefined && { scope: tenantScope(key) }) };
}
