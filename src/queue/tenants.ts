/** Who has been here lately, and how much each holds. */
export type Tenants = {
  /** Notes that `tenant` is here. */
  see(tenant: string, nowMs: number): void;
  /** `tenant` holds so much more, or less. */
  change(tenant: string, difference: number, nowMs: number): void;
  heldBy(tenant: string): number;
  /** How many were seen within the last minute or hold something; at least 1. */
  readonly count: number;
};

/** A tenant counts so long after its last request. */
const TENANT_MS = 60_000;
const TIDY_MS = 1_000;
const MAX_TENANTS = 10_000;

export function createTenants(): Tenants {
  const tenants = new Map<string, { held: number; seenMs: number }>();
  let nextTidyMs = 0;

  function see(tenant: string, nowMs: number): { held: number } {
    let seen = tenants.get(tenant);
    if (seen === undefined) {
      seen = { held: 0, seenMs: nowMs };
      tenants.set(tenant, seen);
    }
    seen.seenMs = nowMs;
    if (nowMs >= nextTidyMs || tenants.size > MAX_TENANTS) tidy(nowMs);
    return seen;
  }

  /** Forgets the tenants that have not been seen for long; all that hold nothing, where there are too many. */
  function tidy(nowMs: number): void {
    nextTidyMs = nowMs + TIDY_MS;
    const isCrowded = tenants.size > MAX_TENANTS;
    for (const [tenant, { held, seenMs }] of tenants) {
      if (held === 0 && (isCrowded || seenMs <= nowMs - TENANT_MS)) tenants.delete(tenant);
    }
  }

  return {
    see(tenant, nowMs) {
      see(tenant, nowMs);
    },
    change(tenant, difference, nowMs) {
      see(tenant, nowMs).held += difference;
    },
    heldBy: (tenant) => tenants.get(tenant)?.held ?? 0,
    get count() {
      return Math.max(1, tenants.size);
    },
  };
}
