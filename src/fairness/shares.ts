import type { Priority } from "../generation/terms.ts";
import { WEIGHTS } from "./classes.ts";

/**
 * Who shares work that is done in small pieces, and what each was given so far: plain data, which nothing here changes.
 *
 * A virtual time as that of `lanes.ts`, for those who are in hand all at once instead of waiting for whole turns. A tenant that comes has been given
 * as much as the others have on average, by a clock that also counts what those who left were given. So nobody has credit for idle times, and a
 * stream of newcomers can't keep a tenant from its turn.
 */
export type Shares = {
  /** Weighted work of each, counted on from where the clock was when the tenant came, in the order in which they came. */
  readonly given: ReadonlyMap<string, number>;
  /** What the tenants were given on average. */
  readonly clock: number;
};

export const NO_SHARES: Shares = { given: new Map(), clock: 0 };

/** Forgets who is not among `tenants` any more, and takes in those who are new. */
export function withTenants(
  { given, clock }: Shares,
  tenants: ReadonlySet<string> | ReadonlyMap<string, unknown>,
): Shares {
  const settled = new Map([...given].filter(([tenant]) => tenants.has(tenant)));
  // Without anybody to compare with, it begins anew.
  const now = settled.size === 0 ? 0 : Math.max(clock, Math.min(...settled.values()));
  for (const tenant of tenants.keys()) if (!settled.has(tenant)) settled.set(tenant, now);
  return { given: settled, clock: now };
}

/** The tenant that was given least. Of equals the latest: it has waited for a piece already, the one during which it came. */
export function leastGiven({ given }: Shares): string | undefined {
  let least: readonly [string, number] | undefined;
  for (const each of given) if (least === undefined || each[1] <= least[1]) least = each;
  return least?.[0];
}

/** The shares after a tenant was given so much work of this class. */
export function withWork(shares: Shares, tenant: string, priority: Priority, work: number): Shares {
  const before = shares.given.get(tenant);
  if (before === undefined) return shares;
  const weighted = work / WEIGHTS[priority];
  const given = new Map(shares.given).set(tenant, before + weighted);
  return { given, clock: shares.clock + weighted / given.size };
}
