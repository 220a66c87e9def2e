/** How fast a batch is, learned from itself. */
export type Rate = {
  /** A line's request is under way. */
  readonly began: (line: number) => void;
  /** It has a result, which is not recorded yet. */
  readonly ended: (line: number) => void;
  /** Notes that so many lines are done. */
  readonly note: (done: number) => void;
  /** Lines a second; undefined before any is known. */
  readonly perSecond: () => number | undefined;
  /** When all lines will be done, from now; undefined before that is known. */
  readonly secondsLeft: (total: number) => number | undefined;
};

/** More samples than this are thinned out. */
const MAX_SAMPLES = 256;

/** Before this much is known, what was known before counts. */
const LEAST_LINES = 8;

/** How many of the newest lines tell how long one takes. */
const NEWEST_LINES = 64;

/** A line that takes longer than all known ones is taken to need this part of its time again. */
const OVERDUE_PART = 0.1;

type Sample = { readonly atMs: number; readonly done: number };

/**
 * The rate over the newer half of the time since the batch began or went on: long enough to level out lines of different length, and it follows
 * a load that changes. Pauses count, since they are part of the load.
 *
 * Lines that are under way count as the part of them that is probably done. Otherwise lines of equal length, which begin and end together, would
 * look like standstills and jumps.
 *
 * @param earlier what was known when the batch went on
 * @param now a clock in ms
 */
export function createRate(done: number, earlier: number | undefined, now: () => number): Rate {
  let recorded = done;
  let unrecorded = 0;
  const samples: Sample[] = [{ atMs: now(), done }];
  /** When the lines began that are under way. */
  const underWay = new Map<number, number>();
  /** How long the newest lines took, in ms. */
  const took: number[] = [];

  /** How long a line probably takes further that began then: the median of those that took longer. */
  function restMs(sinceMs: number, nowMs: number): number {
    const ageMs = nowMs - sinceMs;
    const longer = took.filter((ms) => ms > ageMs).sort((one, other) => one - other);
    return (longer[longer.length >> 1] ?? ageMs * (1 + OVERDUE_PART)) - ageMs;
  }

  function partDone(): number {
    const nowMs = now();
    let sum = recorded + unrecorded;
    if (took.length === 0) return sum;
    for (const sinceMs of underWay.values()) {
      const ageMs = nowMs - sinceMs;
      if (ageMs > 0) sum += ageMs / (ageMs + restMs(sinceMs, nowMs));
    }
    return sum;
  }

  function sample(): void {
    samples.push({ atMs: now(), done: partDone() });
    if (samples.length <= MAX_SAMPLES) return;
    const last = samples.length - 1;
    const kept = samples.filter((_, index) => index % 2 === 0 || index === last);
    samples.splice(0, samples.length, ...kept);
  }

  function perSecond(): number | undefined {
    const nowMs = now();
    const [first = { atMs: nowMs, done }] = samples;
    const isKnown = recorded + unrecorded - done >= LEAST_LINES;
    if (!isKnown && (earlier !== undefined || recorded + unrecorded === done)) return earlier;
    const middleMs = (first.atMs + nowMs) / 2;
    const from = samples.findLast(({ atMs }) => atMs <= middleMs) ?? first;
    return (Math.max(0, partDone() - from.done) * 1000) / Math.max(1, nowMs - from.atMs);
  }

  return {
    began: (line) => void underWay.set(line, now()),
    ended(line) {
      const sinceMs = underWay.get(line);
      if (!underWay.delete(line) || sinceMs === undefined) return;
      unrecorded += 1;
      took.push(now() - sinceMs);
      if (took.length > NEWEST_LINES) took.shift();
    },
    note(count) {
      unrecorded = Math.max(0, unrecorded - (count - recorded));
      recorded = count;
      sample();
    },
    perSecond,
    secondsLeft(total) {
      const rate = perSecond();
      if (rate === undefined || rate <= 0) return undefined;
      const nowMs = now();
      const rests = [...underWay.values()].map((sinceMs) => restMs(sinceMs, nowMs) / 1000);
      const mean = rests.reduce((sum, rest) => sum + rest, 0) / Math.max(1, rests.length);
      // The last lines don't end together, unless they began together.
      const spread = took.length === 0 ? 0 : Math.max(mean, ...rests) - mean;
      return Math.max(0, total - partDone()) / rate + spread;
    },
  };
}
