import type { WireResponse } from "../../protocols/responses/response.ts";
import type { EventLog } from "./event-log.ts";

/** A response that runs without its client. */
export type BackgroundRun = {
  /** As it is now. */
  readonly response: () => WireResponse;
  /** What happened to it so far, where it may be followed. */
  readonly log: EventLog | undefined;
  /** Ends it at once and writes that down. */
  readonly cancel: () => void;
};

/** The background responses that run in this process. */
export type BackgroundRuns = {
  /** Remembers `run` until `ended` resolves to true; false keeps it, because nobody else could tell what became of it. */
  readonly add: (id: string, run: BackgroundRun, ended: Promise<boolean>) => void;
  readonly get: (id: string) => BackgroundRun | undefined;
  /** Resolves when all have ended. */
  readonly settled: () => Promise<void>;
};

export function createBackgroundRuns(): BackgroundRuns {
  const runs = new Map<string, BackgroundRun>();
  const pending = new Set<Promise<unknown>>();
  return {
    add(id, run, ended) {
      runs.set(id, run);
      const removed = ended.then((isKept) => {
        pending.delete(removed);
        if (isKept) {
          runs.delete(id);
        }
      });
      pending.add(removed);
    },
    get: (id) => runs.get(id),
    async settled() {
      await Promise.all(pending);
    },
  };
}
