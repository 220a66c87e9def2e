import { setTimeout } from "node:timers/promises";
import type { Link } from "../../redis/link.ts";
import { choose } from "../choose.ts";
import type { Answer } from "../store.ts";
import type { Sought } from "../tier.ts";
import type { Turn, Turns } from "../turns.ts";
import { type Lease, takeLease } from "./lease.ts";
import { turnName } from "./names.ts";

export type TakeTurnsOptions = {
  readonly link: Pick<Link, "run">;
  /** How long a request waits for another gateway before it generates by itself, in ms. */
  readonly followMs: number;
  /** What another gateway has stored, as an answer of this one's. */
  readonly get: (sought: Sought) => Promise<Answer | undefined>;
  /** Resolves when what is being stored under a key can be read by others. */
  readonly written: (key: string) => Promise<void>;
  /** The time in Unix ms. */
  readonly now: () => number;
};

/** Turns that several gateways take. */
export type SharedTurns = Turns & {
  /** Resolves when others can have the turns that have ended. */
  readonly settled: () => Promise<void>;
};

const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 400;
/** More don't wait for others: each of them asks again and again. */
const MOST_FOLLOWERS = 256;

/** Lets one gateway at a time generate an answer. The others look for it, and for whether that one is still there. */
export function takeTurns({ link, followMs, get, written, now }: TakeTurnsOptions): SharedTurns {
  const ending = new Set<Promise<void>>();
  let followers = 0;

  async function look(sought: Sought, signal: AbortSignal) {
    // Sent in this order: what the last one stored before it let go of its turn is seen.
    const [lease, answer] = await Promise.all([
      takeLease(link, turnName(sought.key, sought.request.terms)),
      get(sought),
    ]);
    const choice = choose(answer, sought.request.cache ?? {}, now());
    const isNew = choice.type === "hit" && !choice.isStale;
    if ((isNew || signal.aborted) && isLease(lease)) void lease.release();
    signal.throwIfAborted();
    return { lease, taken: isNew ? choice.answer : undefined };
  }

  async function follow(sought: Sought, signal: AbortSignal): Promise<Turn> {
    const startedMs = now();
    // Half of the longest wait is left for a turn in the queue.
    const untilMs = startedMs + Math.min(followMs, (sought.request.terms?.maxWaitMs ?? Number.POSITIVE_INFINITY) / 2);
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 1.5, LONGEST_PAUSE_MS)) {
      const { lease, taken } = await look(sought, signal);
      if (taken !== undefined) return { type: "taken", answer: taken };
      const waitedMs = now() - startedMs;
      if (isLease(lease)) return { type: "own", waitedMs, end: () => end(sought.key, lease) };
      const leftMs = untilMs - now();
      if (lease === undefined || leftMs <= 0) return { type: "own", waitedMs, end: () => {} };
      await setTimeout(Math.min(pauseMs, leftMs), undefined, { signal }).catch(() => signal.throwIfAborted());
    }
  }

  function end(key: string, lease: Lease): void {
    const released = written(key)
      .then(lease.release)
      .finally(() => ending.delete(released));
    ending.add(released);
  }

  return {
    async take(sought, signal) {
      signal.throwIfAborted();
      if (followers >= MOST_FOLLOWERS) return { type: "own", waitedMs: 0, end: () => {} };
      followers += 1;
      try {
        return await follow(sought, signal);
      } finally {
        followers -= 1;
      }
    },
    async settled() {
      await Promise.all(ending);
    },
  };
}

function isLease(lease: Lease | "taken" | undefined): lease is Lease {
  return lease !== undefined && lease !== "taken";
}
