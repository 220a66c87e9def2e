import type { LeaveOut } from "./layer.ts";

/** Calls of one preset that were not compared for one reason. */
type Omitted = { readonly preset: string | null; readonly reason: string; readonly calls: number };

/** Counts are written together, after so long. */
const FLUSH_AFTER_MS = 2_000;

/** More pairs of preset and reason are not counted at once. */
const MAX_WAITING = 1_000;

/** Counts what is left out, and writes the counts with a delay and at the stop. */
export function countOmissions(write: (omitted: readonly Omitted[]) => void): {
  readonly leaveOut: LeaveOut;
  readonly stop: () => void;
} {
  const waiting = new Map<string, Omitted>();
  let timer: NodeJS.Timeout | undefined;
  let isStopped = false;

  function flush(): void {
    clearTimeout(timer);
    timer = undefined;
    const omitted = [...waiting.values()];
    waiting.clear();
    if (omitted.length > 0) write(omitted);
  }

  return {
    leaveOut(reason, { cache }) {
      const preset = cache?.preset ?? null;
      const place = JSON.stringify([preset, reason]);
      const calls = waiting.get(place)?.calls ?? 0;
      if (isStopped || (calls === 0 && waiting.size >= MAX_WAITING)) return;
      waiting.set(place, { preset, reason, calls: calls + 1 });
      timer ??= setTimeout(flush, FLUSH_AFTER_MS).unref();
    },
    stop() {
      isStopped = true;
      flush();
    },
  };
}
