import type { Clock } from "../clock.ts";
import { createHeap, type HeapNode } from "../fairness/heap.ts";
import { OverloadedError } from "../generation/errors.ts";

/** Somebody who waits. */
export type Waiting = {
  /** When it is of no use any more, on the clock; undefined is never. */
  readonly deadlineMs: number | undefined;
  /** Tells how long it may still take; undefined where nobody wants to know. */
  readonly tell: (() => void) | undefined;
  /** Its deadline has come. It is out of the waits already. */
  readonly expire: () => void;
};

/** Everybody who waits, with one timer for all: it tells each how long it may take, once a second or less often where many wait, and ends what waits in vain. */
export type Waits = {
  readonly size: number;
  /** Begins a wait. The first news is for the caller to tell. */
  add(waiting: Waiting): void;
  /** Ends it. Does nothing where it has ended. */
  remove(waiting: Waiting): void;
};

/** How often each is told, and how much longer for each who waits: telling hundreds every second takes what others need. */
const NEWS_MS = 1_000;
const NEWS_MS_EACH = 20;
const MAX_NEWS_MS = 10_000;

type Nodes = { readonly deadline: HeapNode<Waiting> | undefined; readonly news: HeapNode<Waiting> | undefined };

export function createWaits(clock: Clock): Waits {
  const deadlines = createHeap<Waiting>();
  const news = createHeap<Waiting>();
  const nodes = new Map<Waiting, Nodes>();
  let orders = 0;
  let alarm: { readonly atMs: number; readonly cancel: () => void } | undefined;

  function newsMs(): number {
    return Math.min(MAX_NEWS_MS, Math.max(NEWS_MS, NEWS_MS_EACH * nodes.size));
  }

  function nextMs(): number {
    return Math.min(news.first?.key ?? Number.POSITIVE_INFINITY, deadlines.first?.key ?? Number.POSITIVE_INFINITY);
  }

  function arm(): void {
    const atMs = nextMs();
    // An alarm that is too early does no harm: it finds nothing to do and is set anew.
    if (alarm !== undefined && nodes.size > 0 && alarm.atMs <= atMs) return;
    alarm?.cancel();
    const delayMs = Math.max(0, atMs - clock.now());
    alarm = Number.isFinite(atMs) ? { atMs, cancel: clock.after(delayMs, ring) } : undefined;
  }

  function ring(): void {
    // A timer may ring a fraction too early.
    const nowMs = Math.max(clock.now(), alarm?.atMs ?? 0);
    alarm = undefined;
    for (let first = deadlines.first; first !== undefined && first.key <= nowMs; first = deadlines.first) {
      remove(first.value);
      first.value.expire();
    }
    for (let { first } = news; first !== undefined && first.key <= nowMs; first = news.first) {
      news.update(first, nowMs + newsMs(), orders++);
      first.value.tell?.();
    }
    arm();
  }

  function remove(waiting: Waiting): void {
    const own = nodes.get(waiting);
    nodes.delete(waiting);
    if (own?.news !== undefined) news.remove(own.news);
    if (own?.deadline !== undefined) deadlines.remove(own.deadline);
  }

  return {
    get size() {
      return nodes.size;
    },
    add(waiting) {
      const { deadlineMs, tell } = waiting;
      nodes.set(waiting, {
        deadline: deadlineMs === undefined ? undefined : deadlines.push(waiting, deadlineMs, orders++),
        news: tell === undefined ? undefined : news.push(waiting, clock.now() + NEWS_MS, orders++),
      });
      arm();
    },
    remove(waiting) {
      remove(waiting);
      if (nodes.size === 0) arm();
    },
  };
}

/** What one is refused with that waited in vain. */
export function waitedInVain(waitedMs: number, retryAfterMs: number): OverloadedError {
  const reason = `The request waited ${showDuration(waitedMs)} for its turn, as long as it may.`;
  return new OverloadedError(reason, Math.max(1, Math.round(retryAfterMs)));
}

/** A time as a client is told it: `70.0 s`, or below a second `250 ms`, since `0.3 s` would say little of so short a deadline. */
export function showDuration(ms: number): string {
  return ms < 1_000 ? `${Math.ceil(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`;
}
