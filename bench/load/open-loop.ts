import { setTimeout as sleep } from "node:timers/promises";
import type { PlannedClient } from "./arrivals.ts";
import type { Exchange } from "./post.ts";

/** One client. If it is refused with a `Retry-After`, it tries again once, at exactly that time. */
export type Visit = {
  readonly client: PlannedClient;
  /** How much later than planned it arrived, in ms, because of the load generator. */
  readonly lateMs: number;
  readonly first: Exchange;
  /** Undefined where it had its answer, was told no time, or one beyond its patience. */
  readonly second?: Exchange;
};

export type OpenLoopOptions = {
  /** Sends the nth client's request; resolves when it has ended in whatever way. */
  readonly ask: (client: PlannedClient, index: number, signal: AbortSignal) => Promise<Exchange>;
  /** A client leaves so long after it came. */
  readonly patienceMs: number;
  /** Who would have less of its patience left than this doesn't come back. */
  readonly leastLeftMs: number;
  readonly signal: AbortSignal;
};

/**
 * Lets every client come at its time, whatever became of those before, and resolves when the last has gone: at most `patienceMs` after it
 * came. Rejects with the signal's reason where that is aborted.
 */
export async function runOpenLoop(plan: readonly PlannedClient[], options: OpenLoopOptions): Promise<readonly Visit[]> {
  const { signal } = options;
  const beganMs = performance.now();
  const visits: Promise<Visit>[] = [];
  for (const [index, client] of plan.entries()) {
    const dueMs = beganMs + client.atMs;
    const leftMs = dueMs - performance.now();
    if (leftMs > 0) await sleep(leftMs, undefined, { signal });
    visits.push(visit(client, index, dueMs, options));
  }
  const all = await Promise.all(visits);
  signal.throwIfAborted();
  return all;
}

async function visit(client: PlannedClient, index: number, dueMs: number, options: OpenLoopOptions): Promise<Visit> {
  const { ask, patienceMs, leastLeftMs, signal } = options;
  const patience = AbortSignal.any([signal, AbortSignal.timeout(patienceMs)]);
  const lateMs = performance.now() - dueMs;
  const first = await ask(client, index, patience);
  const backMs = retryAfterMs(first);
  if (backMs === undefined || first.endedMs - first.startedMs + backMs > patienceMs - leastLeftMs) {
    return { client, lateMs, first };
  }
  // Aborted, it asks in vain at once and ends.
  await sleep(Math.max(0, first.endedMs + backMs - performance.now()), undefined, { signal: patience }).catch(() => {});
  return { client, lateMs, first, second: await ask(client, index, patience) };
}

/** When a refusal says that one may come back, in ms; undefined where it was none, or says nothing. */
export function retryAfterMs({ status, headers }: Pick<Exchange, "status" | "headers">): number | undefined {
  if (status !== 429 && status !== 503) return undefined;
  const ms = positive(headers["retry-after-ms"]);
  if (ms !== undefined) return ms;
  const seconds = positive(headers["retry-after"]);
  return seconds === undefined ? undefined : 1000 * seconds;
}

function positive(value: string | readonly string[] | undefined): number | undefined {
  const number = typeof value === "string" && value !== "" ? Number(value) : Number.NaN;
  return number >= 0 ? number : undefined;
}
