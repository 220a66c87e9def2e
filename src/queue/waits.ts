import type { Clock } from "../clock.ts";
import { createHeap, type HeapNode } from "../fairness/heap.ts";
import { OverloadedError } from "../generation/errors.ts";

/** A request that waits. */
export type Waiting = {
  /** The time until which it may wait; undefined means no limit. */
  readonly deadlineMs: number | undefined;
  /** Reports its position and estimated wait; undefined if no one listens. */
  readonly tell: (() => void) | undefined;
  /** Called at its deadline, after it was removed. */
  readonly expire: () => void;
};

/** All requests that wait, with one timer: it reports to each once a second, or less often if many wait, and ends those whose deadline has come. */
export type Waits = {
  readonly size: number;
  /** Begins a wait. The caller makes the first report. */
  add(waiting: Waiting): void;
  /** Ends a wait. Does nothing if it has ended. */
  remove(waiting: Waiting): void;
};

/** The time between two reports to a request grows with the number that wait: reporting to hundreds every second takes too much time. */
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
    // An alarm that is too early does no harm: it finds nothing due and is set again.
    if (alarm !== undefined && nodes.size > 0 && alarm.atMs <= atMs) return;
    alarm?.cancel();
    const delayMs = Math.max(0, atMs - clock.now());
    alarm = Number.isFinite(atMs) ? { atMs, cancel: clock.after(delayMs, ring) } : undefined;
  }

  function ring(): void {
    // A timer may fire slightly too early.
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

/** The error for a request whose deadline came while it waited. */
export function waitedInVain(waitedMs: number, retryAfterMs: number): OverloadedError {
  const reason = `The request waited ${showDuration(waitedMs)} for its turn, as long as it may.`;
  return new OverloadedError(reason, Math.max(1, Math.round(retryAfterMs)), "expired");
}

/** A duration for messages: `70.0 s`, or `250 ms` if it is shorter than a second. */
export function showDuration(ms: number): string {
  return ms < 1_000 ? `${Math.ceil(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`;
}
