/** How fast a batch is, learned from itself. */
export type Rate = {
  /** Notes that so many lines are done. */
  readonly note: (done: number) => void;
  /** Lines a second; undefined before any is known. */
  readonly perSecond: () => number | undefined;
};

/** More samples than this are thinned out. */
const MAX_SAMPLES = 256;

/** Before this much is known, what was known before counts. */
const LEAST_LINES = 8;

/**
 * The rate over the newer half of the time since the batch began or went on: long enough to level out lines of different length, and it follows
 * a load that changes. Pauses count, since they are part of the load.
 *
 * @param earlier what was known when the batch went on
 * @param now a clock in ms
 */
export function createRate(done: number, earlier: number | undefined, now: () => number): Rate {
  const samples = [{ atMs: now(), done }];

  return {
    note(count) {
      samples.push({ atMs: now(), done: count });
      if (samples.length <= MAX_SAMPLES) return;
      const last = samples.length - 1;
      const kept = samples.filter((_, index) => index % 2 === 0 || index === last);
      samples.splice(0, samples.length, ...kept);
    },
    perSecond() {
      const first = samples[0];
      const last = samples.at(-1);
      const nowMs = now();
      if (first === undefined || last === undefined || last.done - first.done < LEAST_LINES) return earlier ?? early();
      const middleMs = (first.atMs + nowMs) / 2;
      const from = samples.findLast(({ atMs }) => atMs <= middleMs) ?? first;
      return ((last.done - from.done) * 1000) / Math.max(1, nowMs - from.atMs);

      function early(): number | undefined {
        if (first === undefined || last === undefined || last.done === first.done) return undefined;
        return ((last.done - first.done) * 1000) / Math.max(1, now() - first.atMs);
      }
    },
  };
}
