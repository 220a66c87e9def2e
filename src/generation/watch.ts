import type { GenerationEvent } from "./event.ts";
import type { Generate, Layer } from "./layer.ts";
import type { News } from "./news.ts";
import type { GenerationRequest } from "./request.ts";

/** What happens to a request, from its first step to its end. */
export type Sighting =
  | News
  | { readonly type: "began" }
  | { readonly type: "event"; readonly event: GenerationEvent }
  /** The last. `left`: nobody reads on. */
  | { readonly type: "ended"; readonly outcome: "done" | "left" }
  | { readonly type: "failed"; readonly error: unknown };

/**
 * Hears what happens to every request. It must not throw, and must not take long: it is called between two tokens.
 *
 * @param atMs when, by a clock in ms that never goes back
 */
export type Listener = (request: GenerationRequest, sighting: Sighting, atMs: number) => void;

/** Who listens. */
export type Watch = {
  /** The outermost layer. Where nobody listens, it passes requests on as they are. */
  readonly layer: Layer;
  /** Listens to all requests that come from now on. Returns what ends it. */
  readonly listen: (listener: Listener) => () => void;
};

/** @param now a clock in ms that never goes back */
export function createWatch(now: () => number = () => performance.now()): Watch {
  const listeners = new Set<Listener>();

  return {
    listen(listener) {
      const own: Listener = (...sighting) => listener(...sighting);
      listeners.add(own);
      return () => void listeners.delete(own);
    },
    layer(request, next) {
      if (listeners.size === 0) return next(request);
      const heard = [...listeners];
      const tell = (sighting: Sighting) => {
        const atMs = now();
        for (const listener of heard) listener(request, sighting, atMs);
      };
      return watched(request, next, tell);
    },
  };
}

function watched(
  request: GenerationRequest,
  next: Generate,
  tell: (sighting: Sighting) => void,
): AsyncIterable<GenerationEvent> {
  const observe = (news: News) => {
    tell(news);
    request.observe?.(news);
  };

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
        // Without `async`, which costs each event a turn of the microtask queue more.
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
            // What was spent is told meanwhile.
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
