import type { CacheWish, ForwardReason } from "../generation/cache.ts";
import type { GenerationRequest } from "../generation/request.ts";
import type { Answer } from "./store.ts";

/** How a request is served. */
export type Choice =
  | {
      readonly type: "hit";
      readonly answer: Answer;
      readonly ageMs: number;
      readonly ttlMs: number;
      readonly isStale: boolean;
    }
  | { readonly type: "forward"; readonly reason: Exclude<ForwardReason, "bypass"> };

/**
 * Whether a request uses the cache. It does if it accepts an earlier answer (`max-age`). Otherwise its key or preset decides; by default only
 * deterministic requests do, those with temperature 0 or a seed. One that is written down never does: a stored answer has no tokens to go on from.
 */
export function takesPart({
  sampling,
  cache = {},
  journal,
}: Pick<GenerationRequest, "sampling" | "cache" | "journal">): boolean {
  if (cache.noStore === true || journal !== undefined) return false;
  if ((cache.maxAgeSeconds ?? 0) > 0) return true;
  switch (cache.answers ?? "determined") {
    case "determined":
      return sampling.temperature === 0 || sampling.seed !== undefined;
    case "always":
      return true;
    case "never":
      return false;
  }
}

/** Decides whether a stored answer serves a request, as in RFC 9111, section 5.2.1. */
export function choose(answer: Answer | undefined, wish: CacheWish, nowMs: number): Choice {
  if (answer === undefined) return { type: "forward", reason: "miss" };
  const ageMs = Math.max(0, nowMs - answer.storedMs);
  // The preset's time may have been shortened since the answer was stored.
  const freshMs = Math.min(answer.freshMs, (wish.freshSeconds ?? Number.POSITIVE_INFINITY) * 1_000);
  const isFresh = ageMs < freshMs;
  const { noCache = false, maxAgeSeconds = Number.POSITIVE_INFINITY, staleWhileRevalidateSeconds = 0 } = wish;
  const allowedMs = Math.min(freshMs, maxAgeSeconds * 1_000);
  if (!noCache && isFresh && ageMs <= allowedMs)
    return { type: "hit", answer, ageMs, ttlMs: freshMs - ageMs, isStale: false };
  const staleMs = staleWhileRevalidateSeconds * 1_000;
  if (!noCache && staleMs > 0 && ageMs <= allowedMs + staleMs)
    return { type: "hit", answer, ageMs, ttlMs: freshMs - ageMs, isStale: true };
  return { type: "forward", reason: isFresh ? "request" : "stale" };
}
