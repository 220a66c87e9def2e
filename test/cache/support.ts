import type { CacheNews, CacheWish } from "../../src/generation/cache.ts";
import type { GenerationEvent } from "../../src/generation/event.ts";
import type { Observe } from "../../src/generation/news.ts";
import type { GenerationRequest } from "../../src/generation/request.ts";
import { generationRequest } from "../fixtures/generation.ts";

/** A request whose answer is determined. */
export function greedy(overrides: Partial<GenerationRequest> = {}): GenerationRequest {
  const request = generationRequest(overrides);
  return { ...request, sampling: { ...request.sampling, temperature: 0 } };
}

/** A whole answer that says `texts`. */
export function saying(...texts: readonly string[]): GenerationEvent[] {
  return [
    { type: "started", promptTokens: 12, cachedTokens: 4 },
    ...texts.map((text) => ({ type: "text", choice: 0, text }) as const),
    { type: "finished", choice: 0, reason: "stop", completionTokens: texts.length + 1 },
  ];
}

/** What is left of events that differs from a generation to its replay in nothing. */
export function withoutCost(events: readonly GenerationEvent[]): GenerationEvent[] {
  return events.map((event) =>
    event.type === "started" ? { type: "started", promptTokens: event.promptTokens, cachedTokens: 0 } : event,
  );
}

/** A request with these wishes, which notes what became of it. */
export function noting(wish: CacheWish = {}) {
  const news: CacheNews[] = [];
  const observe: Observe = (each) => {
    if (each.type === "cache") news.push(each.outcome);
  };
  return { asked: { cache: wish, observe }, news };
}

/** A generation whose events come when the test says so. */
export function byHand() {
  type Result = IteratorResult<GenerationEvent, undefined>;
  const waiting: PromiseWithResolvers<Result>[] = [];
  const arrived: (() => Promise<Result>)[] = [];
  const give = (make: () => Promise<Result>) => {
    const waiter = waiting.shift();
    if (waiter === undefined) arrived.push(make);
    else make().then(waiter.resolve, waiter.reject);
  };
  let runs = 0;
  let signal: AbortSignal | undefined;
  return {
    generate(request: { readonly signal: AbortSignal }): AsyncIterable<GenerationEvent> {
      runs += 1;
      signal = request.signal;
      signal.addEventListener("abort", () => give(() => Promise.reject(request.signal.reason)));
      return {
        [Symbol.asyncIterator]: () => ({
          next() {
            const make = arrived.shift();
            if (make !== undefined) return make();
            const waiter = Promise.withResolvers<Result>();
            waiting.push(waiter);
            return waiter.promise;
          },
          return: async () => ({ done: true, value: undefined }),
        }),
      };
    },
    say: (event: GenerationEvent) => give(async () => ({ done: false, value: event })),
    end: () => give(async () => ({ done: true, value: undefined })),
    fail: (error: Error) => give(() => Promise.reject(error)),
    runs: () => runs,
    isCancelled: () => signal?.aborted ?? false,
  };
}

/** When everything that was waiting for nothing but its turn has had it. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Settings of a cache that no other gateway shares. */
export const NOT_SHARED = { cacheFollowMs: 10_000 };
