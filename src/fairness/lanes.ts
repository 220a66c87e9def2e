import type { Priority } from "../generation/terms.ts";
import { createHeap, type HeapNode } from "./heap.ts";
import { type Ahead, aheadIn, append, createLine, detach, type Line, type Linked, NOTHING, reprice } from "./line.ts";

/** What waits for its turn. */
export type Entry<T> = {
  readonly value: T;
  readonly tenant: string;
  readonly priority: Priority;
  /** What its turn is charged, in whatever unit the queue counts work. */
  readonly cost: number;
};

/**
 * Tenants that share turns fairly: one lane for each, in which order is kept.
 *
 * A fair queue in virtual time, with a counter for each tenant (Sheng et al., "Fairness in Serving Large Language Models", OSDI 2024; Goyal et
 * al., "Start-time Fair Queueing", SIGCOMM 1996): the tenant with the least counted goes next, and its counter grows by the cost of its turn. Who
 * comes after a pause begins where the others are, so nobody saves up turns, and what one was given too much is remembered. Counters of those who
 * wait never lie further apart than the dearest entry's cost, so that is the most by which one can be ahead of another.
 */
export type Lanes<T> = {
  readonly size: number;
  /** The cost of all entries. */
  readonly work: number;
  /** Tenants that wait. */
  readonly tenants: number;
  /** Tenants that are remembered, waiting or not. */
  readonly remembered: number;
  /** Whose turn is next. */
  readonly head: Entry<T> | undefined;
  /** @param isFirst puts it before the tenant's others, behind those that were put there before it */
  push(tenant: string, value: T, cost: number, isFirst?: boolean): Entry<T>;
  /** Takes the head out and charges its tenant. */
  take(): Entry<T> | undefined;
  /** Takes an entry out; its tenant isn't charged. False where it had gone before. */
  remove(entry: Entry<T>): boolean;
  /** The entry turns out to cost something else. */
  reprice(entry: Entry<T>, cost: number): void;
  /** A turn cost `difference` more than its tenant was charged, or less where that is negative. */
  charge(tenant: string, difference: number): void;
  /** What waits of a tenant. */
  of(tenant: string): Ahead;
  ahead(entry: Entry<T>): Ahead;
  /** What would be ahead of `tenant`'s next entry, if it had so much `more` waiting. */
  aheadOfNext(tenant: string, more: Ahead): Ahead;
  /** Forgets who was given more than others: for when nothing waits and nothing runs. */
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
  /** What the tenant's turns have cost, on the scale that all lanes share. */
  counted: number;
  /** Entries that go before the others. */
  readonly firsts: Line<Item<T>>;
  readonly others: Line<Item<T>>;
  /** Among the waiting lanes, or among those that only have had more than others. */
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
 * By how much of each turn's cost the point where newcomers begin moves on by itself. Without that, ever new tenants could keep an old one from
 * its turn; with it, new ones come after it when 1,024 of the dearest turns were had. Small enough to be no disadvantage to anybody.
 */
const DRIFT = 1 / 1024;

/** Tenants without entries whose surplus is remembered. */
const MAX_IDLE = 10_000;

/** @param priority the class of all that wait here */
export function createLanes<T>(priority: Priority = "default"): Lanes<T> {
  const lanes = new Map<string, Lane<T>>();
  const waiting = createHeap<Lane<T>>();
  /** Lanes without entries whose tenants have had more than who begins now. */
  const idle = createHeap<Lane<T>>();
  /** Where newcomers begin. Never goes back. */
  let now = 0;
  /** The largest count that a turn has led to. */
  let furthest = 0;
  let size = 0;
  let work = 0;
  let orders = 0;

  /** The tenant's lane, made ready for an entry. */
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

  /** Puts the lane where it belongs after its entries or its count have changed. */
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

  /** Others have about as much before an entry as its own tenant has, and no more than they have in all. */
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
        // It was no further than who begins now, so what it is owed is settled; what it owes isn't.
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
