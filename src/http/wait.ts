import type { WaitNews } from "../generation/news.ts";

/** A request's wait for its turn, as far as the queue has reported. */
export type Wait = {
  /** Takes a report of the queue. */
  readonly note: (news: WaitNews) => void;
  /** Returns its time so far and its position: the latest, or, once it is over, the first. Undefined without a report. */
  readonly known: () => { readonly ms: number; readonly position: number } | undefined;
  /** Whether its turn has come. */
  readonly isOver: () => boolean;
  /** Returns the latest report, adjusted to the current time. Undefined if there is none since the last call, or the wait is over. */
  readonly takeNews: () => Pick<WaitingNews, "position" | "etaMs" | "isLoading"> | undefined;
};

type WaitingNews = Extract<WaitNews, { type: "waiting" }>;
type Admission = Extract<WaitNews, { type: "admitted" }>;

/**
 * Watches the wait of a request that begins now. For an answer of several generations it is over when the first of them has its turn, since
 * the answer begins then. Its time is that of the longest.
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
      const { position, etaMs, isLoading = false } = latest;
      return { position, etaMs: Math.max(0, Math.round(etaMs - (now() - latestMs))), isLoading };
    },
  };
}
