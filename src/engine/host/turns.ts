/** Something that waits for its turn. */
export type Waiting = {
  /** Whose it is. */
  readonly tenant: string;
  /** What it will take, in units that only have to be the same for all. */
  readonly cost: number;
};

/** A line in which tenants take turns by what they cost. */
export type Turns<T extends Waiting> = {
  readonly size: number;
  add(item: T): void;
  /** The one whose turn it is, out of the line; undefined where nobody waits. */
  take(): T | undefined;
  /** Takes one out that needs no turn any more. Returns whether it was there. */
  remove(item: T): boolean;
  /** How many of a tenant's wait, and what they cost together. */
  of(tenant: string): { readonly count: number; readonly cost: number };
};

/** Tenants that wait for nothing and are remembered for what they spent. */
const MAX_REMEMBERED = 1_000;

type Account = { readonly items: Set<unknown>; spent: number; cost: number };

/**
 * The tenant that has spent least is next, with its oldest. Whoever comes has spent as much as the one that was served last: so nobody saves up
 * turns, and a stream of newcomers keeps nobody from theirs. What somebody spent is remembered until the others have spent as much.
 */
export function createTurns<T extends Waiting>(): Turns<T> {
  const accounts = new Map<string, Account & { readonly items: Set<T> }>();
  let clock = 0;
  let size = 0;

  function remove(item: T): boolean {
    const account = accounts.get(item.tenant);
    if (account?.items.delete(item) !== true) return false;
    account.cost -= item.cost;
    size -= 1;
    return true;
  }

  /** Forgets who waits for nothing and owes nothing; when nobody waits and there are many, everybody. */
  function prune(): void {
    if (size === 0 && accounts.size > MAX_REMEMBERED) accounts.clear();
    for (const [tenant, { items, spent }] of accounts) if (items.size === 0 && spent <= clock) accounts.delete(tenant);
  }

  return {
    get size() {
      return size;
    },
    add(item) {
      const account = accounts.get(item.tenant) ?? { items: new Set<T>(), spent: clock, cost: 0 };
      accounts.set(item.tenant, account);
      account.items.add(item);
      account.cost += item.cost;
      size += 1;
    },
    take() {
      let next: (Account & { readonly items: Set<T> }) | undefined;
      for (const account of accounts.values()) {
        if (account.items.size > 0 && (next === undefined || account.spent < next.spent)) next = account;
      }
      const [item] = next?.items ?? [];
      if (next === undefined || item === undefined) return undefined;
      clock = Math.max(clock, next.spent);
      next.spent += item.cost;
      remove(item);
      prune();
      return item;
    },
    remove,
    of(tenant) {
      const account = accounts.get(tenant);
      return { count: account?.items.size ?? 0, cost: account?.cost ?? 0 };
    },
  };
}
