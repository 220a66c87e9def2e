import type { DownloadContext } from "../../../src/models/download.ts";

/** Settings for downloads in tests: no delays, short limits, a disk with room. */
export function downloadContext(changes: Partial<DownloadContext> = {}): DownloadContext {
  return {
    fetch,
    policy: { hubOrigin: "", token: undefined },
    signal: new AbortController().signal,
    reachTimeoutMs: 5_000,
    stallTimeoutMs: 5_000,
    retryDelayMs: () => 0,
    now: () => performance.now(),
    freeBytes: async () => 1e15,
    ...changes,
  };
}
