import type { Repeat } from "./cache.ts";
import type { EmbeddingRequest, EmbedLayer } from "./embedding.ts";
import type { GenerationEvent } from "./event.ts";
import type { Generate, Layer } from "./layer.ts";
import type { News, Observe } from "./news.ts";
import type { GenerationRequest } from "./request.ts";

/** An event in the life of a request. */
export type Sighting =
  | News
  | { readonly type: "began" }
  | { readonly type: "event"; readonly event: GenerationEvent }
  /** The vectors are complete; `tokens` counts those of the items. */
  | { readonly type: "embedded"; readonly tokens: number }
  /** The last event. `left`: the reader left. */
  | { readonly type: "ended"; readonly outcome: "done" | "left" }
  | { readonly type: "failed"; readonly error: unknown };

/**
 * Receives the events of every client's request. It must not throw, and must be fast: it is called between two tokens.
 *
 * @param atMs the time, by a monotonic clock in ms
 */
export type Listener = (request: GenerationRequest | EmbeddingRequest, sighting: Sighting, atMs: number) => void;

/** Receives the events of one request, which it may keep what it needs of. Neither part may throw, and both must be fast. */
export type Follower = {
  /** Between two tokens. @param now the time, by a monotonic clock in ms, which need not be asked for each token */
  readonly event: (event: GenerationEvent, now: () => number) => void;
  readonly note: (sighting: Exclude<Sighting, { readonly type: "began" | "event" }>, now: () => number) => void;
};

/** Follows a request from its beginning, so that nothing need be looked up later. */
export type Follow = (request: GenerationRequest | EmbeddingRequest, startedMs: number) => Follower;

/** A request that was answered with the bytes of an earlier answer. These are the shortest requests, and come by the thousands a second. */
export type RepeatedRequest = GenerationRequest & { readonly repeat: Repeat };

/** Hears of such a request at its end, in place of a follower. It must not throw, and must be fast. */
export type FollowRepeat = (request: RepeatedRequest, startedMs: number, endMs: number) => void;

/** Reports clients' requests to listeners. The gateway's own, such as a warm-up, are nobody's to count. */
export type Watch = {
  /** The outermost layer. Without listeners it passes requests on unchanged. */
  readonly layer: Layer;
  /** The same, for vectors and scores. */
  readonly embedLayer: EmbedLayer;
  /** Listens to all later requests, until the returned function is called. */
  readonly listen: (listener: Listener) => () => void;
  /** The same, with a follower for each request. @param followRepeat takes the place of followers of requests whose answers are repeated */
  readonly follow: (follow: Follow, followRepeat?: FollowRepeat) => () => void;
};

/** @param now a monotonic clock in ms */
export function createWatch(now: () => number = () => performance.now()): Watch {
  let follows: readonly Following[] = [];

  /** The follower of a request that begins now. */
  function begin(request: GenerationRequest | EmbeddingRequest): Follower {
    const startedMs = now();
    if (isRepeated(request)) return new RepeatFollower(request, startedMs, follows);
    const [only] = follows;
    if (only !== undefined && follows.length === 1) return only.follow(request, startedMs);
    return followAll(follows.map(({ follow }) => follow(request, startedMs)));
  }

  function follow(wanted: Follow, followRepeat?: FollowRepeat): () => void {
    const own = { follow: wanted, followRepeat };
    follows = [...follows, own];
    return () => {
      follows = follows.filter((each) => each !== own);
    };
  }

  return {
    follow,
    listen: (listener) =>
      follow((request, startedMs) => {
        listener(request, { type: "began" }, startedMs);
        return {
          event: (event) => listener(request, { type: "event", event }, now()),
          note: (sighting) => listener(request, sighting, now()),
        };
      }),
    layer(request, next) {
      if (follows.length === 0 || request.terms?.isWarmUp === true) return next(request);
      return { [Symbol.asyncIterator]: () => new WatchedEvents(request, next, begin, now) };
    },
    async embedLayer(request, next) {
      if (follows.length === 0 || request.terms?.isWarmUp === true) return next(request);
      const follower = begin(request);
      try {
        const result = await next({ ...request, observe: passOn(request, follower, now) });
        follower.note({ type: "embedded", tokens: result.tokens }, now);
        follower.note({ type: "ended", outcome: "done" }, now);
        return result;
      } catch (error) {
        follower.note(endOf(request, error), now);
        throw error;
      }
    },
  };
}

/** Who follows requests. */
type Following = { readonly follow: Follow; readonly followRepeat: FollowRepeat | undefined };

function isRepeated(request: GenerationRequest | EmbeddingRequest): request is RepeatedRequest {
  return "repeat" in request && request.repeat !== undefined;
}

/** Of such an answer nothing is told between its beginning and its end: its text is at hand. */
const REPLAYED: GenerationEvent = { type: "started", promptTokens: 0, cachedTokens: 0, isReplay: true };

/** Follows a request whose answer is repeated. Followers of its own are made only where somebody wants them, or where it is refused. */
class RepeatFollower implements Follower {
  readonly #request: RepeatedRequest;
  readonly #startedMs: number;
  readonly #follows: readonly Following[];

  constructor(request: RepeatedRequest, startedMs: number, follows: readonly Following[]) {
    this.#request = request;
    this.#startedMs = startedMs;
    this.#follows = follows;
  }

  event(): void {}

  note(sighting: Parameters<Follower["note"]>[0], now: () => number): void {
    if (sighting.type !== "ended" && sighting.type !== "failed") return;
    const isAnswered = sighting.type === "ended" && sighting.outcome === "done";
    const endMs = isAnswered ? now() : 0;
    for (const { follow, followRepeat } of this.#follows) {
      if (isAnswered && followRepeat !== undefined) followRepeat(this.#request, this.#startedMs, endMs);
      else this.#tell(follow(this.#request, this.#startedMs), isAnswered, sighting, now);
    }
  }

  #tell(follower: Follower, isAnswered: boolean, end: Parameters<Follower["note"]>[0], now: () => number): void {
    const { ageSeconds, ttlSeconds } = this.#request.repeat;
    if (isAnswered) {
      follower.note({ type: "cache", outcome: { type: "hit", ageSeconds, ttlSeconds } }, now);
      follower.event(REPLAYED, now);
    }
    follower.note(end, now);
  }
}

function followAll(followers: readonly Follower[]): Follower {
  return {
    event(event, now) {
      for (const each of followers) each.event(event, now);
    },
    note(sighting, now) {
      for (const each of followers) each.note(sighting, now);
    },
  };
}

function passOn({ observe }: Pick<GenerationRequest, "observe">, follower: Follower, now: () => number): Observe {
  return (news) => {
    follower.note(news, now);
    observe?.(news);
  };
}

function endOf({ signal }: Pick<GenerationRequest, "signal">, error: unknown) {
  return signal.aborted ? ({ type: "ended", outcome: "left" } as const) : ({ type: "failed", error } as const);
}

/** Passes events on and tells of them. A class, since it is made for each request: its functions are not. */
class WatchedEvents implements AsyncIterator<GenerationEvent> {
  readonly #request: GenerationRequest;
  readonly #generate: Generate;
  readonly #follow: (request: GenerationRequest) => Follower;
  readonly #now: () => number;
  #follower: Follower | undefined;
  #source: AsyncIterator<GenerationEvent> | undefined;
  #hasLeft = false;
  #hasEnded = false;

  constructor(
    request: GenerationRequest,
    generate: Generate,
    follow: (request: GenerationRequest) => Follower,
    now: () => number,
  ) {
    this.#request = request;
    this.#generate = generate;
    this.#follow = follow;
    this.#now = now;
  }

  // Without `async`, which would cost each event another turn of the microtask queue.
  next(): Promise<IteratorResult<GenerationEvent>> {
    if (this.#source === undefined && (this.#hasLeft || this.#hasEnded)) {
      return Promise.resolve({ done: true, value: undefined });
    }
    try {
      this.#source ??= this.#begin();
    } catch (error) {
      return Promise.reject(error).catch(this.#fail);
    }
    return this.#source.next().then(this.#pass, this.#fail);
  }

  async return(): Promise<IteratorResult<GenerationEvent>> {
    this.#hasLeft = true;
    try {
      // Meanwhile the source reports the tokens spent.
      await this.#source?.return?.();
    } finally {
      if (this.#source !== undefined) this.#end({ type: "ended", outcome: "left" });
    }
    return { done: true, value: undefined };
  }

  #begin(): AsyncIterator<GenerationEvent> {
    const follower = this.#follow(this.#request);
    this.#follower = follower;
    if (isRepeated(this.#request)) return this.#generate(this.#request)[Symbol.asyncIterator]();
    const observe = passOn(this.#request, follower, this.#now);
    return this.#generate({ ...this.#request, observe })[Symbol.asyncIterator]();
  }

  readonly #pass = (result: IteratorResult<GenerationEvent>): IteratorResult<GenerationEvent> => {
    if (result.done === true) this.#end({ type: "ended", outcome: this.#hasLeft ? "left" : "done" });
    else this.#follower?.event(result.value, this.#now);
    return result;
  };

  readonly #fail = (error: unknown): never => {
    this.#end(endOf(this.#request, error));
    throw error;
  };

  #end(sighting: Parameters<Follower["note"]>[0]): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#follower?.note(sighting, this.#now);
  }
}
