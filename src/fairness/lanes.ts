import type { Priority } from "../generation/terms.ts";
import { createHeap, type HeapNode } from "./heap.ts";
import { type Ahead, aheadIn, append, createLine, detach, type Line, type Linked, NOTHING, reprice } from "./line.ts";

/** What waits for its turn. */
export type Entry<T> = {
  readonly value: T;
  readonly tenant: string;
  readonly priority: Priority;
  /** What its turn is charged, in the unit in which the queue counts work. */
  readonly cost: number;
};

/**
 * Shares turns fairly between tenants. Each tenant has a lane, which keeps the order of its entries.
 *
 * A fair queue in virtual time, with a counter for each tenant (Sheng et al., "Fairness in Serving Large Language Models", OSDI 2024; Goyal et
 * al., "Start-time Fair Queueing", SIGCOMM 1996): the tenant with the lowest counter goes next, and its counter grows by the cost of its turn. A
 * tenant that comes after a pause begins where the others are, so turns can't be saved up, and a lead over others is remembered. Counters of tenants
 * that wait never differ by more than the cost of the most expensive entry.
 */
export type Lanes<T> = {
  readonly size: number;
  /** The cost of all entries. */
  readonly work: number;
  /** Tenants that wait. */
  readonly tenants: number;
  /** Tenants that are remembered, waiting or not. */
  readonly remembered: number;
  /** The entry whose turn is next. */
  readonly head: Entry<T> | undefined;
  /** @param isFirst puts the entry before the tenant's others, behind earlier ones with `isFirst` */
  push(tenant: string, value: T, cost: number, isFirst?: boolean): Entry<T>;
  /** Removes the head and charges its tenant. */
  take(): Entry<T> | undefined;
  /** Removes an entry without a charge. False if it was removed before. */
  remove(entry: Entry<T>): boolean;
  /** Changes the cost of an entry. */
  reprice(entry: Entry<T>, cost: number): void;
  /** A turn cost `difference` more than its tenant was charged, or less if it is negative. */
  charge(tenant: string, difference: number): void;
  /** What waits for a tenant. */
  of(tenant: string): Ahead;
  ahead(entry: Entry<T>): Ahead;
  /** What would be ahead of `tenant`'s next entry, if it had `more` waiting. */
  aheadOfNext(tenant: string, more: Ahead): Ahead;
  /** Forgets all leads. To be called when nothing waits or runs. */
  forget(): void;
};

interface Item<T> extends Linked<Item<T>> {
  readonly value: T;
  readonly tenant: string;
  readonly priority: Priority;
  readonly lane: Lane<T>;
  readonly order: number;
  isWaiting: boolean;
}

type Lane<T> = {
  readonly tenant: string;
  /** The cost of the tenant's turns, on the scale that all lanes share. */
  counted: number;
  /** Entries that go before the others. */
  readonly firsts: Line<Item<T>>;
  readonly others: Line<Item<T>>;
  /** Its place among the waiting lanes or the idle ones. */
  node: HeapNode<Lane<T>> | undefined;
};

function headOf<T>({ firsts, others }: Lane<T>): Item<T> | undefined {
  return firsts.first ?? others.first;
}

/** All that waits in a lane. */
function wholeOf<T>(lane: Lane<T> | undefined): Ahead {
  if (lane === undefined) return NOTHING;
  const { firsts, others } = lane;
  return { entries: firsts.entries + others.entries, work: firsts.work + others.work };
}

/**
 * By this part of each turn's cost the point where newcomers begin moves on. Without it, an endless stream of new tenants could starve an old one;
 * with it, new tenants come after the old one once 1,024 of the most expensive turns were taken. Small enough to disadvantage no one.
 */
const DRIFT = 1 / 1024;

/** The most tenants without entries whose lead is remembered. */
const MAX_IDLE = 10_000;

/** @param priority the class of all entries */
export function createLanes<T>(priority: Priority = "default"): Lanes<T> {
  const lanes = new Map<string, Lane<T>>();
  const waiting = createHeap<Lane<T>>();
  /** Lanes without entries whose tenants are ahead of a newcomer. */
  const idle = createHeap<Lane<T>>();
  /** The counter with which newcomers begin. It never falls. */
  let now = 0;
  /** The largest counter that a turn has led to. */
  let furthest = 0;
  let size = 0;
  let work = 0;
  let orders = 0;

  /** The tenant's lane, ready for an entry. */
  function open(tenant: string): Lane<T> {
    let lane = lanes.get(tenant);
    if (lane === undefined) {
      lane = { tenant, counted: 0, firsts: createLine(), others: createLine(), node: undefined };
      lanes.set(tenant, lane);
    }
    if (headOf(lane) === undefined) {
      if (lane.node !== undefined) idle.remove(lane.node);
      lane.counted = Math.max(lane.counted, now);
      lane.node = waiting.push(lane, lane.counted, orders);
    }
    return lane;
  }

  /** Updates the lane's place after its entries or its counter have changed. */
  function settle(lane: Lane<T>): void {
    const head = headOf(lane);
    if (head !== undefined) {
      if (lane.node !== undefined) waiting.update(lane.node, lane.counted, head.order);
      return;
    }
    if (lane.node !== undefined) {
      waiting.remove(lane.node);
      idle.remove(lane.node);
    }
    if (lane.counted <= now) lanes.delete(lane.tenant);
    else lane.node = idle.push(lane, lane.counted, orders++);
    forgetSettled();
  }

  function forgetSettled(): void {
    for (let first = idle.first; first !== undefined; first = idle.first) {
      if (first.key > now && idle.size <= MAX_IDLE) return;
      idle.remove(first);
      lanes.delete(first.value.tenant);
    }
  }

  function takeOut(item: Item<T>): void {
    detach(item);
    item.isWaiting = false;
    size -= 1;
    work = size === 0 ? 0 : work - item.cost;
  }

  /** Adds what other tenants are likely to get first: about as much each as the own tenant, and no more than they have waiting. */
  function withOthers(own: Ahead, lane: Lane<T> | undefined): Ahead {
    const whole = wholeOf(lane);
    const others = waiting.size - (whole.entries === 0 ? 0 : 1);
    const lead = lane === undefined ? 0 : Math.max(0, lane.counted - Math.max(now, waiting.first?.key ?? 0));
    const mean = size === 0 ? 0 : work / size;
    const entries = size - whole.entries;
    const leadEntries = mean === 0 ? 0 : lead / mean;
    return {
      entries: Math.round(own.entries + Math.min(entries, others * (own.entries + leadEntries + 0.5))),
      work: own.work + Math.min(work - whole.work, others * (own.work + lead + mean / 2)),
    };
  }

  return {
    get size() {
      return size;
    },
    get work() {
      return work;
    },
    get tenants() {
      return waiting.size;
    },
    get remembered() {
      return lanes.size;
    },
    get head() {
      const lane = waiting.first?.value;
      return lane && headOf(lane);
    },
    push(tenant, value, cost, isFirst = false) {
      const lane = open(tenant);
      const line = isFirst ? lane.firsts : lane.others;
      const item: Item<T> = {
        ...{ value, tenant, priority, lane, order: orders++, isWaiting: true },
        ...{ cost, line, ordinal: line.pushed, workBefore: line.pushedWork, previous: line.last, next: undefined },
      };
      append(line, item);
      size += 1;
      work += cost;
      settle(lane);
      return item;
    },
    take() {
      const lane = waiting.first?.value;
      const item = lane && headOf(lane);
      if (lane === undefined || item === undefined) return undefined;
      takeOut(item);
      now = Math.max(now, lane.counted);
      lane.counted += item.cost;
      furthest = Math.max(furthest, lane.counted);
      now = Math.min(furthest, now + item.cost * DRIFT);
      settle(lane);
      return item;
    },
    remove(entry) {
      const item = entry as Item<T>;
      if (!item.isWaiting) return false;
      takeOut(item);
      settle(item.lane);
      return true;
    },
    reprice(entry, cost) {
      const item = entry as Item<T>;
      if (!item.isWaiting) return;
      work += cost - item.cost;
      reprice(item, cost);
    },
    charge(tenant, difference) {
      let lane = lanes.get(tenant);
      if (lane === undefined) {
        // It isn't ahead of a newcomer, so it is owed nothing; a debt still counts.
        if (difference <= 0) return;
        lane = open(tenant);
      }
      lane.counted = Math.max(lane.counted + difference, Math.min(lane.counted, now));
      settle(lane);
    },
    of: (tenant) => wholeOf(lanes.get(tenant)),
    ahead(entry) {
      const item = entry as Item<T>;
      const { lane, line } = item;
      if (!item.isWaiting) return NOTHING;
      const inLine = aheadIn(item);
      const before = line === lane.others ? lane.firsts : NOTHING;
      const own = { entries: before.entries + inLine.entries, work: before.work + inLine.work };
      return own.entries === 0 && waiting.first?.value === lane ? own : withOthers(own, lane);
    },
    aheadOfNext(tenant, more) {
      const lane = lanes.get(tenant);
      const whole = wholeOf(lane);
      const own = { entries: whole.entries + more.entries, work: whole.work + more.work };
      return withOthers(own, lane);
    },
    forget() {
      if (size > 0) return;
      for (let first = idle.first; first !== undefined; first = idle.first) idle.remove(first);
      lanes.clear();
      now = furthest = 0;
    },
  };
}
