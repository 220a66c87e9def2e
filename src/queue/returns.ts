import { createHeap, type HeapNode } from "../fairness/heap.ts";
import { createMean } from "./mean.ts";

/**
 * Holds places for refused requests, each from the time it was told to come back until it has come or its time is over. Without this, any
 * request that happens to arrive gets the free place, and those that came back on time are refused again.
 */
export type Returns = {
  /** Holds a place for a request from `fromMs` until `untilMs`. Does nothing if the bound is reached. */
  hold(of: Returning, fromMs: number, untilMs: number): void;
  /** Uses up the place held for the request now; false if there is none. */
  claim(of: Returning, nowMs: number): boolean;
  /** How many of the requests with a place held now are likely to come, overall or of `tenant`. */
  held(nowMs: number, tenant?: string): number;
  /** The same for places held from a later time. */
  ahead(nowMs: number, tenant?: string): number;
  /** Places held now or later. */
  readonly size: number;
};

/** A refused request. `mark` identifies it when it comes again. */
export type Returning = { readonly tenant: string; readonly mark: string };

/** The weight of the latest request in the share that is expected to come back. */
const NEWEST_WEIGHT = 0.02;

type Hold = Returning & { readonly untilMs: number };

export function createReturns(bound: number): Returns {
  /** Ordered by their beginnings. */
  const later = createHeap<Hold>();
  /** Ordered by their ends. */
  const current = createHeap<Hold>();
  const byMark = new Map<string, HeapNode<Hold>[]>();
  const tenants = new Map<string, { later: number; now: number }>();
  /** Clients that gave up or came earlier need no place. */
  const shareThatComes = createMean(NEWEST_WEIGHT, 1);
  let orders = 0;

  function likely(holds: number): number {
    return holds * (shareThatComes.value ?? 1);
  }

  function count(tenant: string, change: { readonly later: number; readonly now: number }): void {
    const counts = tenants.get(tenant) ?? { later: 0, now: 0 };
    counts.later += change.later;
    counts.now += change.now;
    if (counts.later + counts.now === 0) tenants.delete(tenant);
    else tenants.set(tenant, counts);
  }

  function begin(node: HeapNode<Hold>): void {
    const hold = node.value;
    later.remove(node);
    const held = byMark.get(hold.mark) ?? [];
    held.push(current.push(hold, hold.untilMs, orders++));
    byMark.set(hold.mark, held);
    count(hold.tenant, { later: -1, now: 1 });
  }

  function end(node: HeapNode<Hold>, hasCome: boolean): void {
    const { tenant, mark } = node.value;
    current.remove(node);
    const held = byMark.get(mark) ?? [];
    held.splice(held.indexOf(node), 1);
    if (held.length === 0) byMark.delete(mark);
    count(tenant, { later: 0, now: -1 });
    shareThatComes.add(hasCome ? 1 : 0);
  }

  function advance(nowMs: number): void {
    for (let { first } = later; first !== undefined && first.key <= nowMs; first = later.first) begin(first);
    for (let { first } = current; first !== undefined && first.key <= nowMs; first = current.first) end(first, false);
  }

  return {
    get size() {
      return later.size + current.size;
    },
    hold({ tenant, mark }, fromMs, untilMs) {
      if (later.size + current.size >= bound) return;
      later.push({ tenant, mark, untilMs }, fromMs, orders++);
      count(tenant, { later: 1, now: 0 });
    },
    claim({ tenant, mark }, nowMs) {
      advance(nowMs);
      const oldest = byMark.get(mark)?.find(({ value }) => value.tenant === tenant);
      if (oldest !== undefined) end(oldest, true);
      return oldest !== undefined;
    },
    held(nowMs, tenant) {
      advance(nowMs);
      return likely(tenant === undefined ? current.size : (tenants.get(tenant)?.now ?? 0));
    },
    ahead(nowMs, tenant) {
      advance(nowMs);
      return likely(tenant === undefined ? later.size : (tenants.get(tenant)?.later ?? 0));
    },
  };
}
