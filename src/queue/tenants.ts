/** The recently active tenants, and how much each holds. */
export type Tenants = {
  /** Notes that `tenant` is active. */
  see(tenant: string, nowMs: number): void;
  /** `tenant` holds `difference` more, or less if it is negative. */
  change(tenant: string, difference: number, nowMs: number): void;
  heldBy(tenant: string): number;
  /** Tenants that were active within the last minute or hold something; at least 1. */
  readonly count: number;
};

/** How long a tenant counts after its last request. */
const TENANT_MS = 60_000;
/** Of more tenants than this, those that hold nothing are forgotten earlier. */
const MAX_TENANTS = 10_000;

export function createTenants(): Tenants {
  /** The most recently seen last. */
  const tenants = new Map<string, { readonly held: number; readonly seenMs: number }>();

  function change(tenant: string, difference: number, nowMs: number): void {
    const held = (tenants.get(tenant)?.held ?? 0) + difference;
    tenants.delete(tenant);
    forget(nowMs);
    tenants.set(tenant, { held, seenMs: nowMs });
  }

  function forget(nowMs: number): void {
    for (const [tenant, { held, seenMs }] of tenants) {
      if (seenMs > nowMs - TENANT_MS && tenants.size < MAX_TENANTS) return;
      if (held === 0) tenants.delete(tenant);
    }
  }

  return {
    see: (tenant, nowMs) => change(tenant, 0, nowMs),
    change,
    heldBy: (tenant) => tenants.get(tenant)?.held ?? 0,
    get count() {
      return Math.max(1, tenants.size);
    },
  };
}
