import type { Clock } from "./clock.ts";
import { createHeap, type HeapNode } from "./heap.ts";

/** Somebody who waits. */
export type Waiting = {
  /** When it is of no use any more, on the clock; undefined is never. */
  readonly deadlineMs: number | undefined;
  /** Tells how long it may still take; undefined where nobody wants to know. */
  readonly tell: (() => void) | undefined;
  /** Its deadline has come. It is out of the waits already. */
  readonly expire: () => void;
};

/** Everybody who waits, with one timer for all: it tells each how long it may take, once a second, and ends what waits in vain. */
export type Waits = {
  readonly size: number;
  /** Begins a wait. The first news is for the caller to tell. */
  add(waiting: Waiting): void;
  /** Ends it. Does nothing where it has ended. */
  remove(waiting: Waiting): void;
};

const NEWS_MS = 1_000;

export function createWaits(clock: Clock): Waits {
  const deadlines = createHeap<Waiting>();
  const nodes = new Map<Waiting, HeapNode<Waiting> | undefined>();
  /** When each is told next: in this order, since all are told at the same pace. */
  const news = new Map<Waiting, number>();
  let orders = 0;
  let alarm: { readonly atMs: number; readonly cancel: () => void } | undefined;

  function nextMs(): number | undefined {
    const [soonest] = news.values();
    const deadlineMs = deadlines.first?.key;
    if (soonest === undefined || deadlineMs === undefined) return soonest ?? deadlineMs;
    return Math.min(soonest, deadlineMs);
  }

  function arm(): void {
    const atMs = nextMs();
    // An alarm that is too early does no harm: it finds nothing to do and is set anew.
    if (alarm !== undefined && atMs !== undefined && alarm.atMs <= atMs) return;
    alarm?.cancel();
    alarm = atMs === undefined ? undefined : { atMs, cancel: clock.after(Math.max(0, atMs - clock.now()), ring) };
  }

  function ring(): void {
    alarm = undefined;
    const nowMs = clock.now();
    for (let first = deadlines.first; first !== undefined && first.key <= nowMs; first = deadlines.first) {
      remove(first.value);
      first.value.expire();
    }
    for (const [waiting, atMs] of news) {
      if (atMs > nowMs) break;
      news.delete(waiting);
      news.set(waiting, nowMs + NEWS_MS);
      waiting.tell?.();
    }
    arm();
  }

  function remove(waiting: Waiting): void {
    const node = nodes.get(waiting);
    nodes.delete(waiting);
    news.delete(waiting);
    if (node !== undefined) deadlines.remove(node);
  }

  return {
    get size() {
      return nodes.size;
    },
    add(waiting) {
      const { deadlineMs, tell } = waiting;
      nodes.set(waiting, deadlineMs === undefined ? undefined : deadlines.push(waiting, deadlineMs, orders++));
      if (tell !== undefined) news.set(waiting, clock.now() + NEWS_MS);
      arm();
    },
    remove(waiting) {
      remove(waiting);
      if (nodes.size === 0) arm();
    },
  };
}
