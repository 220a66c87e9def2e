import type { GenerationEvent } from "../generation/event.ts";

/** One reader of a shared generation. */
export type Listener = {
  readonly iterator: AsyncIterator<GenerationEvent>;
  /** Resolves pending reads, as far as events have come. */
  readonly serve: () => void;
  /** Ends the reader with `error`. */
  readonly fail: (error: unknown) => void;
  /** The number of the next event to read. */
  readonly position: () => number;
  readonly readBytes: () => number;
};

export type ListenerOptions = {
  /** The reader's signal. When it is aborted, the reader ends with its reason. */
  readonly signal: AbortSignal;
  /** The event with this number; undefined if it has not come yet. */
  readonly take: (position: number) => GenerationEvent | undefined;
  /** The end of the generation, with or without an error; undefined while it runs. */
  readonly ending: () => { readonly error?: unknown } | undefined;
  readonly sizeOf: (event: GenerationEvent) => number;
  /** Called once, when the reader has got the end or has left. */
  readonly onLeave: () => void;
};

type Result = IteratorResult<GenerationEvent, undefined>;

const DONE: Result = { done: true, value: undefined };

/**
 * Not an async generator: its `return()` would wait for the `next()` in progress, so a reader that leaves between two tokens would hold the
 * generation until the next one.
 */
export function createListener({ signal, take, ending, sizeOf, onLeave }: ListenerOptions): Listener {
  const waiters: PromiseWithResolvers<Result>[] = [];
  let position = 0;
  let readBytes = 0;
  let isGone = false;
  let failure: { readonly error: unknown } | undefined;

  function leave(): void {
    if (isGone) return;
    isGone = true;
    signal.removeEventListener("abort", onAbort);
    onLeave();
  }

  function fail(error: unknown): void {
    if (isGone) return;
    failure = { error };
    leave();
    serve();
  }

  function onAbort(): void {
    fail(signal.reason);
  }

  /** The next result; undefined if it has not come yet. Throws the reader's failure, once. */
  function read(): Result | undefined {
    if (failure !== undefined) {
      const { error } = failure;
      failure = undefined;
      throw error;
    }
    if (isGone) return DONE;
    const event = take(position);
    if (event !== undefined) {
      position += 1;
      readBytes += sizeOf(event);
      return { done: false, value: event };
    }
    const end = ending();
    if (end === undefined) return undefined;
    leave();
    if ("error" in end) throw end.error;
    return DONE;
  }

  function serve(): void {
    while (waiters.length > 0) {
      try {
        const result = read();
        if (result === undefined) return;
        waiters.shift()?.resolve(result);
      } catch (error) {
        waiters.shift()?.reject(error);
      }
    }
  }

  signal.addEventListener("abort", onAbort, { once: true });

  return {
    serve,
    fail,
    position: () => position,
    readBytes: () => readBytes,
    iterator: {
      async next() {
        const result = read();
        if (result !== undefined) return result;
        const waiter = Promise.withResolvers<Result>();
        waiters.push(waiter);
        return waiter.promise;
      },
      async return() {
        leave();
        serve();
        return DONE;
      },
    },
  };
}
