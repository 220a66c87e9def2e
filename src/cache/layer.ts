import type { CacheNews, CacheWish, ForwardReason, Repeat, Served } from "../generation/cache.ts";
import { NotCachedError } from "../generation/errors.ts";
import type { GenerationEvent } from "../generation/event.ts";
import type { Generate, Layer } from "../generation/layer.ts";
import type { GenerationRequest } from "../generation/request.ts";
import { type Choice, choose, takesPart } from "./choose.ts";
import { deferred } from "./deferred.ts";
import { createFlights, type Passenger } from "./flights.ts";
import { keyOf, scopeOf } from "./key.ts";
import type { Leases } from "./leases.ts";
import { atFullPrice, replay } from "./replay.ts";
import { createSearch } from "./search.ts";
import type { AnswerStore, Label } from "./store.ts";
import type { Tier } from "./tier.ts";

export type CacheLayerOptions = {
  readonly store: AnswerStore;
  /** The identity of a model; undefined means that its answers aren't cached. */
  readonly identify: (model: string) => string | undefined;
  /** Other places to look for answers, in order. */
  readonly tiers?: readonly Tier[];
  /** Lets one of several gateways generate an answer. */
  readonly leases?: Leases | undefined;
  /** Called with the outcome of every request except the warm-up's. */
  readonly onNews?: (news: CacheNews) => void;
  /** The time in Unix ms; `Date.now` if absent. */
  readonly now?: () => number;
};

type Hit = Extract<Choice, { type: "hit" }>;
type Miss = Extract<Choice, { type: "forward" }>;

/** The only event of an answer that is sent as it was sent before. */
const REPEATED: IteratorResult<GenerationEvent> = {
  done: false,
  value: { type: "started", promptTokens: 0, cachedTokens: 0, isReplay: true },
};
const DONE: IteratorResult<GenerationEvent> = { done: true, value: undefined };

const NO_WISHES: CacheWish = {};
const BYPASS: CacheNews = { type: "forward", reason: "bypass", stored: false, collapsed: false };

/**
 * Answers a repeated request from the store, and lets identical requests share one running generation. A request that doesn't use the cache is
 * passed on unchanged, at no cost per event.
 */
export function answerRepeats(options: CacheLayerOptions): Layer {
  const { store, identify, tiers = [], leases, onNews, now = Date.now } = options;
  const search = createSearch(tiers, now);
  const flights = createFlights({
    store,
    leases,
    onStored(sought, entry) {
      for (const tier of tiers) tier.keep?.(sought, entry);
    },
  });

  function tellOf(request: GenerationRequest): (news: CacheNews, served?: Served) => void {
    const { terms, observe } = request;
    return (news, served) => {
      if (terms?.isWarmUp !== true) onNews?.(news);
      observe?.({ type: "cache", outcome: news, ...(served && { served: { ...served, request } }) });
    };
  }

  function begin(request: GenerationRequest, next: Generate): AsyncIterator<GenerationEvent> {
    const { cache: wish = NO_WISHES, model, signal } = request;
    const tell = tellOf(request);
    signal.throwIfAborted();
    const identity = identify(model);
    if (identity === undefined && wish.onlyIfCached !== true) {
      tell(BYPASS);
      return next(request)[Symbol.asyncIterator]();
    }
    const key = identity === undefined ? "" : keyOf(request, identity);
    const choice = choose(wish.noStore === true ? undefined : store.get(key), wish, now());
    const mayJoin = wish.noCache !== true && wish.maxAgeSeconds !== 0 && wish.noStore !== true;
    const passenger = { key, request, next, label: labelOf(request), mayJoin };
    if (choice.type === "hit") {
      const isPlain = !choice.isStale && wish.isPaced !== true && identity !== undefined;
      return play(passenger, choice, isPlain ? { served: { key, identity, answer: choice.answer.id } } : {});
    }
    const joined = join(passenger, choice);
    if (joined !== undefined) return joined;
    if (identity === undefined || !mayJoin || !search.takes(passenger)) return lead(passenger, choice);
    return deferred((left) => lookAround(passenger, choice, AbortSignal.any([signal, left])));
  }

  /** Serves a request for which memory has no usable answer. */
  async function lookAround(passenger: Passenger, before: Miss, signal: AbortSignal) {
    const { choice, tier } = await search.find(passenger, before, signal);
    if (choice.type === "hit") return play(passenger, choice, tier === undefined ? {} : { detail: tier });
    return join(passenger, choice) ?? lead(passenger, choice);
  }

  type Found = { readonly detail?: string; readonly served?: Served };

  function play(passenger: Passenger, { answer, ageMs, ttlMs, isStale }: Hit, { detail, served }: Found) {
    const { cache: wish = NO_WISHES, signal } = passenger.request;
    const seconds = { ageSeconds: ageMs / 1_000, ttlSeconds: ttlMs / 1_000 };
    tellOf(passenger.request)({ type: "hit", ...seconds, ...(detail !== undefined && { detail }) }, served);
    if (isStale) flights.renew(passenger);
    const { isPaced = false, isWhole = false } = wish;
    const events = answer.events({ isJoined: isWhole && !isPaced });
    return replay(isStale ? atFullPrice(events) : events, { signal, isPaced });
  }

  /** Undefined if there is no generation that the request may join. */
  function join(passenger: Passenger, { reason }: Miss) {
    const { cache: wish = NO_WISHES } = passenger.request;
    const joined = passenger.mayJoin && wish.onlyIfCached !== true ? flights.join(passenger) : undefined;
    if (joined !== undefined) tellOf(passenger.request)(generated(reason, true));
    return joined;
  }

  function lead(passenger: Passenger, { reason }: Miss) {
    const { cache: wish = NO_WISHES } = passenger.request;
    if (wish.onlyIfCached === true) {
      tellOf(passenger.request)({ type: "none" });
      throw new NotCachedError();
    }
    tellOf(passenger.request)(generated(reason, false));
    return flights.lead(passenger);
  }

  /** Only tells that the answer is a replay: its text is at hand. */
  function repeated(request: GenerationRequest, { ageSeconds, ttlSeconds }: Repeat): AsyncIterator<GenerationEvent> {
    let isTold = false;
    tellOf(request)({ type: "hit", ageSeconds, ttlSeconds });
    return {
      next() {
        const result = isTold ? DONE : REPEATED;
        isTold = true;
        return Promise.resolve(result);
      },
    };
  }

  return (request, next) => {
    const { repeat } = request;
    if (repeat !== undefined) return begunLate(() => repeated(request, repeat));
    if (takesPart(request) || request.cache?.onlyIfCached === true) return begunLate(() => begin(request, next));
    tellOf(request)(BYPASS);
    return next(request);
  };
}

function generated(reason: ForwardReason, collapsed: boolean): CacheNews {
  return { type: "forward", reason, stored: true, collapsed };
}

function labelOf(request: GenerationRequest): Label {
  const { model, cache: { preset } = NO_WISHES } = request;
  return { model, scope: scopeOf(request), ...(preset !== undefined && { preset }) };
}

/** Calls `begin` when the first event is asked for. */
function begunLate(begin: () => AsyncIterator<GenerationEvent>): AsyncIterable<GenerationEvent> {
  return {
    [Symbol.asyncIterator]() {
      let source: AsyncIterator<GenerationEvent> | undefined;
      let isOver = false;
      return {
        // Not `async`, which would cost each event another turn of the microtask queue.
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
