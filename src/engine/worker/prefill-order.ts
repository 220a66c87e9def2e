import type { Sequence } from "./sequence.ts";

/** Of so many chunks, one goes to the oldest prompt. */
const OLDEST_EVERY = 4;

/**
 * Says whose prompt is next: the one that has least left, so that a short question does not wait for a long document; but every
 * fourth chunk goes to the oldest, so that the document gets on. Undefined where no prompt is left.
 */
export function createPrefillOrder(): (oldestFirst: Iterable<Sequence>) => Sequence | undefined {
  let chunks = 0;
  return (sequences) => {
    const oldest = chunks++ % OLDEST_EVERY === OLDEST_EVERY - 1;
    let next: Sequence | undefined;
    let least = Number.POSITIVE_INFINITY;
    for (const sequence of sequences) {
      const left = sequence.prefill.length - (sequence.slot?.tokens.length ?? 0);
      if (left <= 0) continue;
      if (oldest) return sequence;
      if (left < least) {
        next = sequence;
        least = left;
      }
    }
    return next;
  };
}
