import type { KeptBy } from "../generation/backend.ts";

/**
 * How long a model stays loaded without requests: as long as it is to stay for anyone who has used it since it was loaded, each from its own
 * last request. So nobody can put out what others still count on.
 */
export type Stays = {
  /** A tenant's request has ended. */
  used(tenant: string, nowMs: number): void;
  /** @param ms undefined for ever */
  set(ms: number | undefined, by: KeptBy, nowMs: number): void;
  /**
   * How long it still stays; undefined for ever, and 0 or less if its time is over. No time begins before it was ready.
   *
   * @param usedMs when it was last used, by whomever
   */
  leftMs(nowMs: number, usedMs: number, readySinceMs: number): number | undefined;
  /** The longest of all times; undefined for ever. */
  readonly longestMs: number | undefined;
  /** It was unloaded: what was said of it is over. */
  clear(): void;
};

type Stay = { readonly keepMs: number | undefined; readonly usedMs: number };

/** With more tenants than this, whose stay ends first is forgotten. */
const MAX_TENANTS = 1_000;

/** @param defaultMs for those who say nothing */
export function createStays(defaultMs: number): Stays {
  const stays = new Map<string, Stay>();
  /** An administrator's word. */
  let forAll: { readonly ms: number | undefined } | undefined;

  function put(tenant: string, stay: Stay): void {
    stays.set(tenant, stay);
    if (stays.size <= MAX_TENANTS) return;
    const [first] = [...stays].toSorted(([, one], [, other]) => endOf(one) - endOf(other));
    if (first !== undefined) stays.delete(first[0]);
  }

  function unsaidMs(): number | undefined {
    return forAll === undefined ? defaultMs : forAll.ms;
  }

  return {
    used(tenant, nowMs) {
      const before = stays.get(tenant);
      put(tenant, { keepMs: before === undefined ? unsaidMs() : before.keepMs, usedMs: nowMs });
    },
    set(ms, { tenant, isForAll }, nowMs) {
      if (isForAll) {
        stays.clear();
        forAll = { ms };
      }
      put(tenant, { keepMs: ms, usedMs: nowMs });
    },
    leftMs(nowMs, usedMs, readySinceMs) {
      const all = stays.size === 0 ? [{ keepMs: unsaidMs(), usedMs }] : [...stays.values()];
      const untilMs = Math.max(...all.map((stay) => endOf(stay, readySinceMs)));
      return untilMs === Number.POSITIVE_INFINITY ? undefined : untilMs - nowMs;
    },
    get longestMs() {
      const all = stays.size === 0 ? [unsaidMs()] : [...stays.values()].map(({ keepMs }) => keepMs);
      const longest = Math.max(...all.map((ms) => ms ?? Number.POSITIVE_INFINITY));
      return longest === Number.POSITIVE_INFINITY ? undefined : longest;
    },
    clear() {
      stays.clear();
      forAll = undefined;
    },
  };
}

function endOf({ keepMs, usedMs }: Stay, earliestMs = 0): number {
  return keepMs === undefined ? Number.POSITIVE_INFINITY : Math.max(usedMs, earliestMs) + keepMs;
}
