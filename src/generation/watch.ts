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
 * Receives the events of every request. It must not throw, and must be fast: it is called between two tokens.
 *
 * @param atMs the time, by a monotonic clock in ms
 */
export type Listener = (request: GenerationRequest | EmbeddingRequest, sighting: Sighting, atMs: number) => void;

/** Reports requests to listeners. */
export type Watch = {
  /** The outermost layer. Without listeners it passes requests on unchanged. */
  readonly layer: Layer;
  /** The same, for vectors and scores. */
  readonly embedLayer: EmbedLayer;
  /** Listens to all later requests, until the returned function is called. */
  readonly listen: (listener: Listener) => () => void;
};

/** @param now a monotonic clock in ms */
export function createWatch(now: () => number = () => performance.now()): Watch {
  const listeners = new Set<Listener>();

  /** Returns a function that reports to the current listeners. */
  function teller(request: GenerationRequest | EmbeddingRequest): (sighting: Sighting) => void {
    const heard = [...listeners];
    return (sighting) => {
      const atMs = now();
      for (const listener of heard) listener(request, sighting, atMs);
    };
  }

  return {
    listen(listener) {
      const own: Listener = (...sighting) => listener(...sighting);
      listeners.add(own);
      return () => void listeners.delete(own);
    },
    layer(request, next) {
      if (listeners.size === 0) return next(request);
      return watched(request, next, teller(request));
    },
    async embedLayer(request, next) {
      if (listeners.size === 0) return next(request);
      const tell = teller(request);
      tell({ type: "began" });
      try {
        const result = await next({ ...request, observe: passOn(request, tell) });
        tell({ type: "embedded", tokens: result.tokens });
        tell({ type: "ended", outcome: "done" });
        return result;
      } catch (error) {
        tell(request.signal.aborted ? { type: "ended", outcome: "left" } : { type: "failed", error });
        throw error;
      }
    },
  };
}

function passOn({ observe }: Pick<GenerationRequest, "observe">, tell: (news: News) => void): Observe {
  return (news) => {
    tell(news);
    observe?.(news);
  };
}

function watched(
  request: GenerationRequest,
  next: Generate,
  tell: (sighting: Sighting) => void,
): AsyncIterable<GenerationEvent> {
  const observe = passOn(request, tell);

  return {
    [Symbol.asyncIterator]() {
      let source: AsyncIterator<GenerationEvent> | undefined;
      let hasLeft = false;
      let hasEnded = false;

      function end(sighting: Sighting): void {
        if (hasEnded) return;
        hasEnded = true;
        tell(sighting);
      }
      function pass(result: IteratorResult<GenerationEvent>): IteratorResult<GenerationEvent> {
        if (result.done === true) end({ type: "ended", outcome: hasLeft ? "left" : "done" });
        else tell({ type: "event", event: result.value });
        return result;
      }
      function fail(error: unknown): never {
        end(request.signal.aborted ? { type: "ended", outcome: "left" } : { type: "failed", error });
        throw error;
      }
      function begin(): AsyncIterator<GenerationEvent> {
        tell({ type: "began" });
        return next({ ...request, observe })[Symbol.asyncIterator]();
      }

      return {
        // Without `async`, which would cost each event another turn of the microtask queue.
        next() {
          if (source === undefined && (hasLeft || hasEnded)) return Promise.resolve({ done: true, value: undefined });
          try {
            source ??= begin();
          } catch (error) {
            return Promise.reject(error).catch(fail);
          }
          return source.next().then(pass, fail);
        },
        async return() {
          hasLeft = true;
          try {
            // Meanwhile the source reports the tokens spent.
            await source?.return?.();
          } finally {
            if (source !== undefined) end({ type: "ended", outcome: "left" });
          }
          return { done: true, value: undefined };
        },
      };
    },
  };
}
