import type { Priority } from "../generation/terms.ts";
import { WEIGHTS } from "./classes.ts";

/**
 * The tenants that share work done in small pieces, and how much each was given so far. Immutable.
 *
 * A virtual time like that of `lanes.ts`, for requests that run at the same time instead of waiting for whole turns. A new tenant begins with what
 * the others were given on average, by a clock that also counts tenants that have left. So idle time gives no credit, and a stream of newcomers
 * can't starve a tenant.
 */
export type Shares = {
  /** The weighted work of each tenant, starting from the clock when it came, in the order in which they came. */
  readonly given: ReadonlyMap<string, number>;
  /** How much the tenants were given on average. */
  readonly clock: number;
};

export const NO_SHARES: Shares = { given: new Map(), clock: 0 };

/** Removes tenants that are not in `tenants`, and adds new ones. */
export function withTenants(
  { given, clock }: Shares,
  tenants: ReadonlySet<string> | ReadonlyMap<string, unknown>,
): Shares {
  const settled = new Map([...given].filter(([tenant]) => tenants.has(tenant)));
  // Starts again at 0 if there is no tenant to compare with.
  const now = settled.size === 0 ? 0 : Math.max(clock, Math.min(...settled.values()));
  for (const tenant of tenants.keys()) if (!settled.has(tenant)) settled.set(tenant, now);
  return { given: settled, clock: now };
}

/** The tenant that was given least. Among equals the latest, since it has already waited for the piece during which it came. */
export function leastGiven({ given }: Shares): string | undefined {
  let least: readonly [string, number] | undefined;
  for (const each of given) if (least === undefined || each[1] <= least[1]) least = each;
  return least?.[0];
}

/** Returns the shares after a tenant was given so much work of this class. */
export function withWork(shares: Shares, tenant: string, priority: Priority, work: number): Shares {
  const before = shares.given.get(tenant);
  if (before === undefined) return shares;
  const weighted = work / WEIGHTS[priority];
  const given = new Map(shares.given).set(tenant, before + weighted);
  return { given, clock: shares.clock + weighted / given.size };
}
