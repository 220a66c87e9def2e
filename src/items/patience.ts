import type { Clock } from "../clock.ts";
import type { ReadLine } from "./item.ts";

/** Why a stream takes no more items. */
export type StreamEnd = "input_ended" | "idle" | "stopping";

export type PatienceOptions = {
  /** How long nothing may come while nothing is in flight. */
  readonly idleMs: number;
  /** Whether anything is in flight. */
  readonly isBusy: () => boolean;
  /** Whether the gateway is about to stop. */
  readonly isLeaving: () => boolean;
  readonly clock: Clock;
};

/** How often an open stream looks. */
const LOOK_MS = 1_000;

/**
 * Lines until their end, or until none came for too long, or the gateway stops: what is in flight is still answered then. Returns why they have
 * ended.
 */
export async function* untilIdle(
  lines: AsyncGenerator<ReadLine, void>,
  { idleMs, isBusy, isLeaving, clock }: PatienceOptions,
): AsyncGenerator<ReadLine, StreamEnd> {
  let sinceMs = clock.now();
  let next: Promise<IteratorResult<ReadLine, void>> | undefined;
  try {
    for (;;) {
      if (isLeaving()) return "stopping";
      if (isBusy()) sinceMs = clock.now();
      if (clock.now() - sinceMs >= idleMs) return "idle";
      next ??= lines.next();
      const result = await orAfter(next, LOOK_MS, clock);
      if (result === undefined) continue;
      next = undefined;
      if (result.done === true) return "input_ended";
      sinceMs = clock.now();
      yield result.value;
    }
  } finally {
    // It may hang in a read, whose failure then concerns nobody.
    next?.catch(() => {});
    void lines.return().catch(() => {});
  }
}

/** Undefined if it takes longer than that. */
async function orAfter<T>(promise: Promise<T>, ms: number, clock: Clock): Promise<T | undefined> {
  const late = Promise.withResolvers<undefined>();
  const cancel = clock.after(ms, () => late.resolve(undefined));
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    cancel();
  }
}
