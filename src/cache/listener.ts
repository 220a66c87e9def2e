import type { GenerationEvent } from "../generation/event.ts";

/** One reader's place in a generation that others read too. */
export type Listener = {
  readonly iterator: AsyncIterator<GenerationEvent>;
  /** Hands over what was waited for, if it is there by now. */
  readonly serve: () => void;
  /** The reader gets `error` next, and is gone. */
  readonly fail: (error: unknown) => void;
  /** The number of the next event that it has not read. */
  readonly position: () => number;
  readonly readBytes: () => number;
};

export type ListenerOptions = {
  /** The reader's own: when it is aborted, it has left, and hears the signal's reason. */
  readonly signal: AbortSignal;
  /** The event with this number; undefined where it has not come. */
  readonly take: (position: number) => GenerationEvent | undefined;
  /** How it has ended, with an error or without; undefined while it runs. */
  readonly ending: () => { readonly error?: unknown } | undefined;
  readonly sizeOf: (event: GenerationEvent) => number;
  /** The reader has had the end, or has left. Called once. */
  readonly onLeave: () => void;
};

type Result = IteratorResult<GenerationEvent, undefined>;

const DONE: Result = { done: true, value: undefined };

/**
 * It is not an async generator, because the `return()` of one waits until the `next()` in progress has its event: a reader that leaves
 * between two tokens would hold the generation until the next one came.
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

  /** The next result; undefined where it has to be waited for. Throws how it failed, once. */
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
