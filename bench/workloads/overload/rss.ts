import { setTimeout as sleep } from "node:timers/promises";
import type { Server } from "../../peers/server.ts";

/** Resident memory over some time, in MB. */
export type RssWatch = {
  /** Looks once more. Undefined where the system doesn't tell. */
  stop(): Promise<{ readonly beforeMb: number; readonly highestMb: number; readonly afterMb: number } | undefined>;
};

const EVERY_MS = 250;

/** Looks at a server's memory now, every quarter of a second, and at the end. */
export async function watchRss(server: Pick<Server, "rssMb">, signal: AbortSignal): Promise<RssWatch> {
  const seenMb: number[] = [];
  const look = async () => {
    const mb = await server.rssMb();
    if (mb !== undefined) seenMb.push(mb);
    return mb;
  };
  const over = new AbortController();
  const beforeMb = await look();
  const watching = (async () => {
    while (!over.signal.aborted) {
      await sleep(EVERY_MS, undefined, { signal: AbortSignal.any([over.signal, signal]) });
      await look();
    }
  })().catch(() => {});
  return {
    async stop() {
      over.abort();
      await watching;
      const afterMb = await look();
      if (beforeMb === undefined || afterMb === undefined) return undefined;
      return { beforeMb, highestMb: Math.max(...seenMb), afterMb };
    },
  };
}
