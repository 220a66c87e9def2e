import type { GenerationEvent } from "../../src/generation/event.ts";
import type { Generate } from "../../src/generation/layer.ts";

type Waiter = PromiseWithResolvers<IteratorResult<GenerationEvent>>;
type News = IteratorResult<GenerationEvent> | { readonly error: unknown };

/** An engine that says what a test tells it to, under each request's id. */
export type FakeEngine = {
  readonly generate: Generate;
  say(id: string, event: GenerationEvent): void;
  end(id: string): void;
  fail(id: string, error: unknown): void;
  /** Says that its only choice has ended, and that it is all. */
  finish(id: string): void;
  /** Resolves when a request was handed on. */
  begun(id: string): Promise<void>;
  /** Requests that were handed on and have neither ended nor been left, in the order in which they came. */
  running(): readonly string[];
  begunIds(): readonly string[];
};

export function createFakeEngine(): FakeEngine {
  const streams = new Map<string, { readonly news: News[]; waiter: Waiter | undefined; isRunning: boolean }>();
  const awaited = new Map<string, () => void>();

  function streamOf(id: string) {
    const stream = streams.get(id);
    if (stream === undefined) throw new Error(`${id} was not handed on`);
    return stream;
  }
  function put(id: string, news: News): void {
    const stream = streamOf(id);
    const { waiter } = stream;
    stream.waiter = undefined;
    if (waiter === undefined) stream.news.push(news);
    else if ("error" in news) waiter.reject(news.error);
    else waiter.resolve(news);
  }
  function close(id: string, news: News): void {
    put(id, news);
    streamOf(id).isRunning = false;
  }

  return {
    generate({ id, signal }) {
      const stream = { news: [] as News[], waiter: undefined as Waiter | undefined, isRunning: true };
      streams.set(id, stream);
      awaited.get(id)?.();
      signal.addEventListener("abort", () => close(id, { error: signal.reason }));
      const events: AsyncIterableIterator<GenerationEvent> = {
        [Symbol.asyncIterator]: () => events,
        next() {
          const news = stream.news.shift();
          if (news !== undefined) return "error" in news ? Promise.reject(news.error) : Promise.resolve(news);
          stream.waiter = Promise.withResolvers();
          return stream.waiter.promise;
        },
        async return() {
          close(id, { done: true, value: undefined });
          return { done: true, value: undefined };
        },
      };
      return events;
    },
    say: (id, event) => put(id, { done: false, value: event }),
    end: (id) => close(id, { done: true, value: undefined }),
    fail: (id, error) => close(id, { error }),
    finish(id) {
      put(id, { done: false, value: { type: "finished", choice: 0, reason: "stop", completionTokens: 5 } });
      close(id, { done: true, value: undefined });
    },
    begun: (id) => (streams.has(id) ? Promise.resolve() : new Promise<void>((resolve) => awaited.set(id, resolve))),
    running: () => [...streams].filter(([, { isRunning }]) => isRunning).map(([id]) => id),
    begunIds: () => [...streams.keys()],
  };
}
