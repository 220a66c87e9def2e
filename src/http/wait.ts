import type { WaitNews } from "../generation/news.ts";

/** A request's wait for its turn, as far as the queue has told of it. */
export type Wait = {
  /** Hears the queue. */
  readonly note: (news: WaitNews) => void;
  /** How long it took so far, and the position: the latest one, or at its end the one that it came with. Undefined where nothing was told. */
  readonly known: () => { readonly ms: number; readonly position: number } | undefined;
  /** Whether it has had its turn. */
  readonly isOver: () => boolean;
  /** What was last told of a wait that goes on, as of now. Undefined where nothing was told since the last call, or the wait is over. */
  readonly takeNews: () => { readonly position: number; readonly etaMs: number } | undefined;
};

type WaitingNews = Extract<WaitNews, { type: "waiting" }>;
type Admission = Extract<WaitNews, { type: "admitted" }>;

/**
 * The wait of a request that begins now. Where several generations make one answer, it is over when one of them has its turn, since the
 * answer begins then, and it took as long as the longest did.
 *
 * @param now a clock in ms that never goes back
 */
export function watchWait(now: () => number = () => performance.now()): Wait {
  const startedMs = now();
  let latest: WaitingNews | undefined;
  let latestMs = startedMs;
  let isTold = true;
  let longest: Admission | undefined;

  return {
    note(news) {
      if (news.type === "waiting") {
        latest = news;
        latestMs = now();
        isTold = false;
      } else if (longest === undefined || news.waitedMs > longest.waitedMs) {
        longest = news;
      }
    },
    known() {
      if (longest !== undefined) {
        return { ms: Math.round(longest.waitedMs), position: longest.position };
      }
      return latest && { ms: Math.round(now() - startedMs), position: latest.position };
    },
    isOver: () => longest !== undefined,
    takeNews() {
      if (isTold || latest === undefined || longest !== undefined) {
        return undefined;
      }
      isTold = true;
      return { position: latest.position, etaMs: Math.max(0, Math.round(latest.etaMs - (now() - latestMs))) };
    },
  };
}
