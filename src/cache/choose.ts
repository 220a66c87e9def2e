import type { CacheWish, ForwardReason } from "../generation/cache.ts";
import type { GenerationRequest } from "../generation/request.ts";
import type { Answer } from "./store.ts";

/** What is to become of a request. */
export type Choice =
  | { readonly type: "hit"; readonly answer: Answer; readonly ageMs: number; readonly isStale: boolean }
  | { readonly type: "forward"; readonly reason: Exclude<ForwardReason, "bypass"> };

/**
 * Whether a request takes part in the cache: where its answer is determined, by temperature 0 or a seed, or it says that it takes an
 * earlier one although that was drawn by chance.
 */
export function takesPart({ sampling, cache = {} }: GenerationRequest): boolean {
  if (cache.noStore === true) return false;
  const isDetermined = sampling.temperature === 0 || sampling.seed !== undefined;
  return isDetermined || cache.keepsSampled === true || (cache.maxAgeSeconds ?? 0) > 0;
}

/** Chooses by what is stored, as RFC 9111, section 5.2.1, has it. */
export function choose(answer: Answer | undefined, wish: CacheWish, nowMs: number): Choice {
  if (answer === undefined) return { type: "forward", reason: "miss" };
  const ageMs = Math.max(0, nowMs - answer.storedMs);
  const isFresh = ageMs < answer.freshMs;
  const { noCache = false, maxAgeSeconds = Number.POSITIVE_INFINITY, staleWhileRevalidateSeconds = 0 } = wish;
  const allowedMs = Math.min(answer.freshMs, maxAgeSeconds * 1_000);
  if (!noCache && isFresh && ageMs <= allowedMs) return { type: "hit", answer, ageMs, isStale: false };
  const staleMs = staleWhileRevalidateSeconds * 1_000;
  if (!noCache && staleMs > 0 && ageMs <= allowedMs + staleMs) return { type: "hit", answer, ageMs, isStale: true };
  return { type: "forward", reason: isFresh ? "request" : "stale" };
}
