import type { CacheNews, CacheWish } from "../generation/cache.ts";
import { NotCachedError } from "../generation/errors.ts";
import type { GenerationEvent } from "../generation/event.ts";
import type { Generate, Layer } from "../generation/layer.ts";
import type { GenerationRequest } from "../generation/request.ts";
import { choose, takesPart } from "./choose.ts";
import type { TimedEvent } from "./entry.ts";
import { createFlights } from "./flights.ts";
import { keyOf, scopeOf } from "./key.ts";
import { replay } from "./replay.ts";
import type { AnswerStore } from "./store.ts";

export type CacheLayerOptions = {
  readonly store: AnswerStore;
  /** What `identityOf` says of the model with this id; undefined as long as that is not known. Then nothing is cached. */
  readonly identify: (model: string) => string | undefined;
  /** Hears what becomes of every request. */
  readonly onNews?: (news: CacheNews) => void;
  /** The time in Unix ms; `Date.now` if absent. */
  readonly now?: () => number;
};

const NO_WISHES: CacheWish = {};
const BYPASS: CacheNews = { type: "forward", reason: "bypass", stored: false, collapsed: false };

/**
 * Answers a repeat from the store, and lets requests that are alike share one generation while it runs. A request that takes no part is
 * passed on as it is, at no cost for each event.
 */
export function answerRepeats({ store, identify, onNews, now = Date.now }: CacheLayerOptions): Layer {
  const flights = createFlights(store);

  function tellOf(wish: CacheWish): (news: CacheNews) => void {
    return (news) => {
      onNews?.(news);
      wish.onCache?.(news);
    };
  }

  function begin(request: GenerationRequest, next: Generate): AsyncIterator<GenerationEvent> {
    const { cache: wish = NO_WISHES, model, signal } = request;
    const tell = tellOf(wish);
    signal.throwIfAborted();
    const identity = identify(model);
    if (identity === undefined && wish.onlyIfCached !== true) {
      tell(BYPASS);
      return next(request)[Symbol.asyncIterator]();
    }
    const key = identity === undefined ? "" : keyOf(request, identity);
    const choice = choose(wish.noStore === true ? undefined : store.get(key), wish, now());
    const passenger = { key, request, next, label: { model, scope: scopeOf(request) } };
    if (choice.type === "hit") {
      const { answer, ageMs, isStale } = choice;
      tell({ type: "hit", ageSeconds: ageMs / 1_000, ttlSeconds: (answer.freshMs - ageMs) / 1_000 });
      if (isStale) flights.renew(passenger);
      const { isPaced = false, isWhole = false } = wish;
      const events = answer.events({ isJoined: isWhole && !isPaced });
      return replay(isStale ? atFullPrice(events) : events, { signal, isPaced });
    }
    if (wish.onlyIfCached === true) {
      tell({ type: "none" });
      throw new NotCachedError();
    }
    const mayJoin = wish.noCache !== true && wish.maxAgeSeconds !== 0;
    const joined = mayJoin ? flights.join(passenger) : undefined;
    tell({ type: "forward", reason: choice.reason, stored: true, collapsed: joined !== undefined });
    return joined ?? flights.lead(passenger);
  }

  return (request, next) => {
    if (takesPart(request) || request.cache?.onlyIfCached === true) return begunLate(() => begin(request, next));
    tellOf(request.cache ?? NO_WISHES)(BYPASS);
    return next(request);
  };
}

/** For whom another answer is generated takes as much as if it were for that one alone. */
function atFullPrice(events: readonly TimedEvent[]): readonly TimedEvent[] {
  return events.map((timed) => {
    const { event } = timed;
    return event.type === "started" ? { ...timed, event: { ...event, isReplay: false } } : timed;
  });
}

/** What `begin` gives, once its first event is asked for. */
function begunLate(begin: () => AsyncIterator<GenerationEvent>): AsyncIterable<GenerationEvent> {
  return {
    [Symbol.asyncIterator]() {
      let source: AsyncIterator<GenerationEvent> | undefined;
      let isOver = false;
      return {
        // Without `async`, which costs each event a turn of the microtask queue more.
        next() {
          if (isOver) return Promise.resolve({ done: true, value: undefined });
          try {
            source ??= begin();
          } catch (error) {
            isOver = true;
            return Promise.reject(error);
          }
          return source.next();
        },
        async return() {
          isOver = true;
          await source?.return?.();
          return { done: true, value: undefined };
        },
      };
    },
  };
}
