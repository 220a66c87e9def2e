import { createHeap, type HeapNode } from "./heap.ts";

/**
 * Who was told to come back, and when: from then on a place is held for each, until it has come or has let its time pass. Without this,
 * whoever happens to ask when a place falls free has it, and those who did as they were told are refused again.
 */
export type Returns = {
  /** Keeps a place for `tenant` from `fromMs` until `untilMs`. Beyond a bound nothing is kept. */
  hold(tenant: string, fromMs: number, untilMs: number): void;
  /** Uses up a place that is held for `tenant` now; false where there is none. */
  claim(tenant: string, nowMs: number): boolean;
  /** Places that are held now: all of them, and `tenant`'s. */
  held(nowMs: number, tenant?: string): number;
  /** Places that will be held later: all of them, and `tenant`'s. */
  ahead(nowMs: number, tenant?: string): number;
  /** When the next place that is held now or later begins or ends to be held; undefined where none is. */
  readonly size: number;
};

type Hold = { readonly tenant: string; readonly fromMs: number; readonly untilMs: number };

type Holds = { later: number; readonly now: HeapNode<Hold>[] };

export function createReturns(bound: number): Returns {
  /** By their beginnings. */
  const later = createHeap<Hold>();
  /** By their ends. */
  const current = createHeap<Hold>();
  const tenants = new Map<string, Holds>();
  let orders = 0;

  function holdsOf(tenant: string): Holds {
    const holds = tenants.get(tenant) ?? { later: 0, now: [] };
    tenants.set(tenant, holds);
    return holds;
  }
  function tidy(tenant: string, holds: Holds): void {
    if (holds.later === 0 && holds.now.length === 0) tenants.delete(tenant);
  }

  function advance(nowMs: number): void {
    for (let first = later.first; first !== undefined && first.key <= nowMs; first = later.first) {
      const { value } = first;
      later.remove(first);
      const holds = holdsOf(value.tenant);
      holds.later -= 1;
      holds.now.push(current.push(value, value.untilMs, orders++));
    }
    for (let first = current.first; first !== undefined && first.key <= nowMs; first = current.first) {
      const node = first;
      current.remove(node);
      const holds = holdsOf(node.value.tenant);
      holds.now.splice(holds.now.indexOf(node), 1);
      tidy(node.value.tenant, holds);
    }
  }

  return {
    get size() {
      return later.size + current.size;
    },
    hold(tenant, fromMs, untilMs) {
      if (later.size + current.size >= bound) return;
      later.push({ tenant, fromMs, untilMs }, fromMs, orders++);
      holdsOf(tenant).later += 1;
    },
    claim(tenant, nowMs) {
      advance(nowMs);
      const holds = tenants.get(tenant);
      const oldest = holds?.now.shift();
      if (holds === undefined || oldest === undefined) return false;
      current.remove(oldest);
      tidy(tenant, holds);
      return true;
    },
    held(nowMs, tenant) {
      advance(nowMs);
      return tenant === undefined ? current.size : (tenants.get(tenant)?.now.length ?? 0);
    },
    ahead(nowMs, tenant) {
      advance(nowMs);
      return tenant === undefined ? later.size : (tenants.get(tenant)?.later ?? 0);
    },
  };
}
