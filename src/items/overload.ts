/** What is done with items that come faster than they are answered. */
export const OVERLOAD_POLICIES = ["wait", "drop-oldest", "latest", "sample", "spill"] as const;

/**
 * `wait`: the source waits. `drop-oldest`: the item that has waited longest is dropped. `latest`: of each key only the latest waits, and if there
 * are too many keys the oldest is dropped. `sample`: a random choice waits, each with the same chance. `spill`: what doesn't fit waits for somebody
 * else to take it, and when as much waits there, the source waits.
 */
type OverloadPolicy = (typeof OVERLOAD_POLICIES)[number];

export type BufferOptions<T> = {
  /** How many items may wait; with `spill` so many more. */
  readonly limit: number;
  readonly policy: OverloadPolicy;
  /** The key of an item, for `latest`. Items without one are never replaced. */
  readonly keyOf?: (item: T) => string | undefined;
  /** Called with each item that is dropped, or replaced by a later one. */
  readonly onDrop?: (item: T) => void;
  /** A number in [0, 1) at each call. */
  readonly random?: () => number;
};

/** Items that wait to be answered. */
export type OverloadBuffer<T> = {
  /** Takes an item. Resolves when the source may go on. */
  readonly push: (item: T) => Promise<void>;
  /** The next item; undefined after the end. To be called again only when the last call has resolved. */
  readonly take: () => Promise<T | undefined>;
  /** The next of those that didn't fit, as `take`. What nobody has taken here yet, `take` gives when nothing else waits. */
  readonly takeSpilled: () => Promise<T | undefined>;
  /** No more come. What waits is still taken. */
  readonly end: () => void;
  /** Drops what waits and ends. Returns what waited. */
  readonly clear: () => readonly T[];
  readonly size: number;
};

export function createOverloadBuffer<T>(options: BufferOptions<T>): OverloadBuffer<T> {
  const { limit, policy, keyOf = () => undefined, onDrop = () => {}, random = Math.random } = options;
  /** In the order in which they are taken. */
  const waiting: T[] = [];
  /** Those that didn't fit. */
  const spilled: T[] = [];
  const pushers: (() => void)[] = [];
  const taker = createTaker<T>();
  const spillTaker = createTaker<T>();
  /** Items since nothing waited, for `sample`: each of them has the same chance. */
  let seen = 0;
  let hasEnded = false;

  function replaceByKey(item: T): boolean {
    const key = policy === "latest" ? keyOf(item) : undefined;
    const at = key === undefined ? -1 : waiting.findIndex((other) => keyOf(other) === key);
    const before = waiting[at];
    if (before === undefined) return false;
    waiting[at] = item;
    onDrop(before);
    return true;
  }

  /** Makes room for one, or returns false if the new one is the one to drop. */
  function makeRoom(): boolean {
    if (waiting.length < limit) return true;
    if (policy === "sample") {
      const at = Math.floor(random() * seen);
      if (at >= limit) return false;
      for (const dropped of waiting.splice(at, 1)) onDrop(dropped);
      return true;
    }
    const oldest = waiting.shift();
    if (oldest !== undefined) onDrop(oldest);
    return true;
  }

  async function push(item: T): Promise<void> {
    if (hasEnded) throw new Error("Nothing can be pushed after the end.");
    if (taker.give(item)) return;
    seen += 1;
    if (replaceByKey(item)) return;
    if (policy === "spill" && waiting.length >= limit) {
      if (spillTaker.give(item)) return;
      spilled.push(item);
      if (spilled.length >= limit) await nextRoom();
      return;
    }
    if (policy !== "wait" && !makeRoom()) {
      onDrop(item);
      return;
    }
    waiting.push(item);
    if (policy === "wait" && waiting.length >= limit) await nextRoom();
  }

  function nextRoom(): Promise<void> {
    return new Promise((resolve) => pushers.push(resolve));
  }

  function freePushers(): void {
    for (const go of pushers.splice(0)) go();
  }

  return {
    push,
    async take() {
      const item = waiting.shift() ?? spilled.shift();
      if (waiting.length === 0) seen = 0;
      if (waiting.length < limit) freePushers();
      return item !== undefined || hasEnded ? item : taker.wait();
    },
    async takeSpilled() {
      const item = spilled.shift();
      if (spilled.length < limit) freePushers();
      return item !== undefined || hasEnded ? item : spillTaker.wait();
    },
    end() {
      hasEnded = true;
      taker.give(undefined);
      spillTaker.give(undefined);
    },
    clear() {
      const left = [...waiting.splice(0), ...spilled.splice(0)];
      this.end();
      freePushers();
      return left;
    },
    get size() {
      return waiting.length + spilled.length;
    },
  };
}

/** Somebody who waits for an item. */
function createTaker<T>() {
  let waiter: ((item: T | undefined) => void) | undefined;
  return {
    wait: () =>
      new Promise<T | undefined>((resolve) => {
        waiter = resolve;
      }),
    /** Whether somebody waited. */
    give(item: T | undefined): boolean {
      const found = waiter;
      waiter = undefined;
      found?.(item);
      return found !== undefined;
    },
  };
}
