import type { RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from "rate-limiter-flexible";
import type { RedisClient } from "./redis.ts";
import { WINDOWS, type Window } from "./windows.ts";

/** How much of a window is used, and when it ends in Unix ms. */
export type Count = { readonly used: number; readonly endsMs: number };

export type Counters = {
  /** Adds to what a key has used of a window; less than nothing takes back. Never fails, and takes a bounded time. */
  readonly add: (window: Window, keyId: string, points: number) => Promise<Count>;
};

export type CountersOptions = {
  /** Where several gateways count together. */
  readonly redis?: RedisClient;
  /** What the slowest answer of Redis may cost a request, in ms; 250 if absent. */
  readonly timeoutMs?: number;
  /** The time in Unix ms; `Date.now` if absent. */
  readonly now?: () => number;
};

const REDIS_TIMEOUT_MS = 250;
/** So long Redis is not asked after it failed. */
const REDIS_PAUSE_MS = 2_000;

type Limiter = RateLimiterMemory | RateLimiterRedis;

/**
 * Counters in this process's memory, or in Redis, with those in memory for the time that it can't be had. The limits themselves are not
 * told to rate-limiter-flexible, which only counts: each key has its own, and they may change at any time.
 */
export function createCounters({
  redis,
  timeoutMs = REDIS_TIMEOUT_MS,
  now = Date.now,
}: CountersOptions = {}): Counters {
  let loading: Promise<Stores> | undefined;
  let skipUntilMs = 0;

  /** Loaded with the first key that has a limit: it takes 25 ms, which most gateways need not spend before they start. */
  async function load(): Promise<Stores> {
    const { RateLimiterMemory, RateLimiterRedis } = await import("rate-limiter-flexible");
    const own = { storeClient: redis, useRedisPackage: true, rejectIfRedisNotReady: true };
    return {
      local: limiters((options) => new RateLimiterMemory(options)),
      shared: redis && limiters((options) => new RateLimiterRedis({ ...options, ...own })),
    };
  }

  async function count(window: Window, keyId: string, points: number): Promise<RateLimiterRes> {
    loading ??= load();
    const { local, shared } = await loading;
    if (shared !== undefined && now() >= skipUntilMs) {
      try {
        return await within(timeoutMs, penalty(shared, window, keyId, points));
      } catch {
        // The connection has told the log. A hung one would hold up every request.
        skipUntilMs = now() + REDIS_PAUSE_MS;
      }
    }
    return penalty(local, window, keyId, points);
  }

  return {
    async add(window, keyId, points) {
      const { consumedPoints, msBeforeNext } = await count(window, keyId, points);
      return { used: Math.max(0, consumedPoints), endsMs: now() + Math.max(0, msBeforeNext) };
    },
  };
}

type Stores = {
  readonly local: ReadonlyMap<string, Limiter>;
  readonly shared: ReadonlyMap<string, Limiter> | undefined;
};

type LimiterOptions = { readonly keyPrefix: string; readonly points: number; readonly duration: number };

function limiters<T extends Limiter>(create: (options: LimiterOptions) => T): ReadonlyMap<string, T> {
  return new Map(
    WINDOWS.map(({ id, seconds }) => [
      id,
      create({ keyPrefix: `sluice:${id}`, points: Number.MAX_SAFE_INTEGER, duration: seconds }),
    ]),
  );
}

/** `penalty` counts and never refuses. */
function penalty(all: ReadonlyMap<string, Limiter>, window: Window, keyId: string, points: number) {
  const limiter = all.get(window.id);
  if (limiter === undefined) throw new Error(`There is no counter for ${window.id}.`);
  return limiter.penalty(keyId, points);
}

async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error("Redis did not answer in time.")), ms);
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
