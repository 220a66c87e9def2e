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
import type { AnswerStore, Label } from "./store.ts";

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
    const passenger = { key, request, next, label: labelOf(request) };
    if (choice.type === "hit") {
      const { answer, ageMs, ttlMs, isStale } = choice;
      tell({ type: "hit", ageSeconds: ageMs / 1_000, ttlSeconds: ttlMs / 1_000 });
      if (isStale) flights.renew(passenger);
      const events = isStale ? atFullPrice(answer.events()) : answer.events();
      return replay(events, { signal, isPaced: wish.isPaced ?? false });
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

function labelOf(request: GenerationRequest): Label {
  const { model, cache: { preset } = NO_WISHES } = request;
  return { model, scope: scopeOf(request), ...(preset !== undefined && { preset }) };
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
        async next() {
          if (isOver) return { done: true, value: undefined };
          try {
            source ??= begin();
          } catch (error) {
            isOver = true;
            throw error;
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
