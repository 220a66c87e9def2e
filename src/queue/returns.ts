import { createHeap, type HeapNode } from "../fairness/heap.ts";
import { createMean } from "./mean.ts";

/**
 * Who was told to come back, and when: from then on a place is held for each, until it has come or has let its time pass. Without this,
 * whoever happens to ask when a place falls free has it, and those who did as they were told are refused again.
 */
export type Returns = {
  /** Keeps a place for a request from `fromMs` until `untilMs`. Beyond a bound nothing is kept. */
  hold(of: Returning, fromMs: number, untilMs: number): void;
  /** Uses up a place that is held for the request now; false where there is none. */
  claim(of: Returning, nowMs: number): boolean;
  /** How many of those for whom a place is held now are likely to come: of all, or of `tenant`'s. */
  held(nowMs: number, tenant?: string): number;
  /** The same for places that will be held later. */
  ahead(nowMs: number, tenant?: string): number;
  /** Places that are held, now or later. */
  readonly size: number;
};

/** A request that was sent away: `mark` is what it can be known by when it comes again. */
export type Returning = { readonly tenant: string; readonly mark: string };

/** How much the latest of those who came, or didn't, counts for the share that is expected to. */
const NEWEST_WEIGHT = 0.02;

type Hold = Returning & { readonly untilMs: number };

export function createReturns(bound: number): Returns {
  /** By their beginnings. */
  const later = createHeap<Hold>();
  /** By their ends. */
  const current = createHeap<Hold>();
  const byMark = new Map<string, HeapNode<Hold>[]>();
  const tenants = new Map<string, { later: number; now: number }>();
  /** Who doesn't come back, because it gave up or came earlier, needs no place. */
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
