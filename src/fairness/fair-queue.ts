import { PRIORITIES, type Priority } from "../generation/terms.ts";
import { patienceOf } from "./classes.ts";
import { createLanes, type Entry, type Lanes } from "./lanes.ts";
import { type Ahead, NOTHING } from "./line.ts";

/**
 * A queue in the order of turns: interactive before default before batch, and fair between tenants within each class.
 *
 * A class that is passed over gets a turn when others have had `patienceOf` times the work of its next entry, so that nothing starves: default
 * requests get at least a ninth of the work, and batch requests a seventeenth, to within one turn.
 */
export type FairQueue<T> = {
  readonly size: number;
  /** The cost of all entries. */
  readonly work: number;
  /** Tenants that are remembered, waiting or not. */
  readonly remembered: number;
  /** The entry whose turn is next. */
  readonly head: Entry<T> | undefined;
  /** @param of `isFirst` puts the entry before its tenant's others, behind earlier ones with `isFirst` */
  push(
    of: { readonly tenant: string; readonly priority: Priority; readonly isFirst?: boolean | undefined },
    value: T,
    cost: number,
  ): Entry<T>;
  /** Removes the head and charges its tenant. */
  take(): Entry<T> | undefined;
  /** Removes an entry without a charge. False if it was removed before. */
  remove(entry: Entry<T>): boolean;
  reprice(entry: Entry<T>, cost: number): void;
  /** A turn cost `difference` more than was charged for it, or less if it is negative. */
  charge(entry: Entry<T>, difference: number): void;
  /** What waits for a tenant, in all classes. */
  of(tenant: string): Ahead;
  /** What is likely to have its turn before this entry. */
  ahead(entry: Entry<T>): Ahead;
  /** What would be ahead of an entry added now, if its tenant had `more` waiting. */
  aheadOfNext(of: { readonly tenant: string; readonly priority: Priority }, more?: Ahead): Ahead;
  /** Forgets all debts. To be called when nothing waits or runs. */
  forget(): void;
};

type Class<T> = {
  readonly priority: Priority;
  readonly patience: number;
  readonly lanes: Lanes<T>;
  /** The work that other classes have had while this one waited. */
  passedOver: number;
};

export function createFairQueue<T>(): FairQueue<T> {
  const classes = PRIORITIES.map(
    (priority): Class<T> => ({ priority, patience: patienceOf(priority), lanes: createLanes(priority), passedOver: 0 }),
  );

  function classOf(priority: Priority): Class<T> {
    const found = classes[PRIORITIES.indexOf(priority)];
    if (found === undefined) throw new Error(`there is no class ${priority}`);
    return found;
  }

  /** The class whose turn is next: the lowest that was passed over long enough, else the highest with entries. */
  function nextClass(): Class<T> | undefined {
    let next: Class<T> | undefined;
    for (const each of classes) {
      const { lanes, patience } = each;
      const { head } = lanes;
      if (head === undefined) continue;
      if (next === undefined || (patience > 0 && each.passedOver >= patience * head.cost)) next = each;
    }
    return next;
  }

  function sum(count: (lanes: Lanes<T>) => number): number {
    return classes.reduce((total, { lanes }) => total + count(lanes), 0);
  }

  /** Adds what the other classes are likely to get while `own` is done. */
  function withClasses(priority: Priority, own: Ahead): Ahead {
    let { entries, work } = own;
    let isBefore = true;
    for (const each of classes) {
      if (each.priority === priority) {
        isBefore = false;
        continue;
      }
      const { lanes, patience } = each;
      const share = isBefore ? 1 : own.work / (patience * Math.max(1, lanes.work));
      entries += Math.round(lanes.size * Math.min(1, share));
      work += lanes.work * Math.min(1, share);
    }
    return { entries, work };
  }

  return {
    get size() {
      return sum((lanes) => lanes.size);
    },
    get work() {
      return sum((lanes) => lanes.work);
    },
    get remembered() {
      return sum((lanes) => lanes.remembered);
    },
    get head() {
      return nextClass()?.lanes.head;
    },
    push({ tenant, priority, isFirst = false }, value, cost) {
      return classOf(priority).lanes.push(tenant, value, cost, isFirst);
    },
    take() {
      const next = nextClass();
      const entry = next?.lanes.take();
      if (next === undefined || entry === undefined) return undefined;
      for (const each of classes) {
        if (each.lanes.size === 0) each.passedOver = 0;
        else if (each !== next) each.passedOver += entry.cost;
        // The rest counts for the next entry, so that an expensive one also gets its turn while cheap ones keep coming.
        else each.passedOver = Math.max(0, each.passedOver - each.patience * entry.cost);
      }
      return entry;
    },
    remove(entry) {
      return classOf(entry.priority).lanes.remove(entry);
    },
    reprice(entry, cost) {
      classOf(entry.priority).lanes.reprice(entry, cost);
    },
    charge({ priority, tenant }, difference) {
      classOf(priority).lanes.charge(tenant, difference);
    },
    of(tenant) {
      return {
        entries: sum((lanes) => lanes.of(tenant).entries),
        work: sum((lanes) => lanes.of(tenant).work),
      };
    },
    ahead(entry) {
      return withClasses(entry.priority, classOf(entry.priority).lanes.ahead(entry));
    },
    aheadOfNext({ tenant, priority }, more = NOTHING) {
      return withClasses(priority, classOf(priority).lanes.aheadOfNext(tenant, more));
    },
    forget() {
      for (const each of classes) {
        each.lanes.forget();
        if (each.lanes.size === 0) each.passedOver = 0;
      }
    },
  };
}
