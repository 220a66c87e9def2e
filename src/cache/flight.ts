import type { GenerationEvent } from "../generation/event.ts";
import { createListener, type Listener } from "./listener.ts";

/** One generation that several requests share. */
export type Flight = {
  /**
   * Yields all events so far, then new ones as they arrive. The generation starts with the first listener and is cancelled when the last one
   * has left.
   */
  readonly listen: (signal: AbortSignal, options?: ListenOptions) => AsyncIterator<GenerationEvent>;
  readonly hasStarted: () => boolean;
  /** Whether a new listener would still receive every event. */
  readonly isOpen: () => boolean;
};

type ListenOptions = {
  /** Whether it joined a generation that had already begun, so its prompt counts as cached. */
  readonly isLate?: boolean;
};

/** A generation's events, and the time of each. */
export type Recording = { readonly events: readonly GenerationEvent[]; readonly timesMs: readonly number[] };

export type FlightOptions = {
  /** Runs the generation until `signal` is aborted. */
  readonly run: (signal: AbortSignal) => AsyncIterable<GenerationEvent>;
  /** Called once, before the listeners get the end; with undefined if it failed, was cancelled or is too long to keep. */
  readonly onEnd: (recording: Recording | undefined) => void;
  /** Whether it runs without listeners. */
  readonly isOwn?: boolean;
  /** The most bytes that a listener may leave unread, and the most that are kept for later listeners. */
  readonly maxBytes?: number;
  /** A clock in ms that never goes back. */
  readonly now?: () => number;
};

/** The same as the engine's limit for one reader, which is 4 Mi characters. */
const MAX_BYTES = 8 * 1024 * 1024;

/** Prepares a generation. It starts with the first listener, or at once if `isOwn`. */
export function createFlight(options: FlightOptions): Flight {
  const { run, onEnd, isOwn = false, maxBytes = MAX_BYTES, now = () => performance.now() } = options;
  const left = new AbortController();
  const listeners = new Set<Listener>();
  /** The events, without the first `dropped`. */
  const log: GenerationEvent[] = [];
  const timesMs: number[] = [];
  let dropped = 0;
  let bytes = 0;
  let source: AsyncIterator<GenerationEvent> | undefined;
  let ending: { readonly error?: unknown } | undefined;
  let isRunning = false;
  let hasStarted = false;

  async function pump(): Promise<void> {
    if (isRunning) return;
    isRunning = true;
    try {
      source = run(left.signal)[Symbol.asyncIterator]();
      for (;;) {
        const result = await source.next();
        if (ending !== undefined) return;
        if (result.done === true) return end({});
        push(result.value);
      }
    } catch (error) {
      end({ error });
    }
  }

  function push(event: GenerationEvent): void {
    if (event.type === "started") hasStarted = true;
    log.push(event);
    timesMs.push(now());
    bytes += sizeOf(event);
    for (const listener of listeners) {
      if (bytes - listener.readBytes() > maxBytes) listener.fail(new UnreadAnswerError(maxBytes));
      else listener.serve();
    }
    if (bytes > maxBytes) dropRead();
  }

  /** Drops what all listeners have read: an answer that is too long isn't kept for later ones. */
  function dropRead(): void {
    const read = Math.min(dropped + log.length, ...Array.from(listeners, (listener) => listener.position()));
    log.splice(0, read - dropped);
    timesMs.length = 0;
    dropped = read;
  }

  function end(how: { readonly error?: unknown }): void {
    if (ending !== undefined) return;
    ending = how;
    const isWhole = !("error" in how) && bytes <= maxBytes;
    onEnd(isWhole ? { events: log, timesMs } : undefined);
    for (const listener of listeners) listener.serve();
  }

  function leave(listener: Listener): void {
    listeners.delete(listener);
    if (listeners.size > 0 || isOwn || ending !== undefined) return;
    end({ error: new Error("Nobody listens any more.") });
    left.abort();
    // No one is left to hear about a failed clean-up.
    source?.return?.().catch(() => {});
  }

  // Deferred, so that the caller holds the flight before it can end.
  if (isOwn) queueMicrotask(pump);
  return {
    listen(signal, { isLate = false } = {}) {
      const listener = createListener({
        signal,
        take(position) {
          const event = log[position - dropped];
          return isLate && event !== undefined ? asHeld(event) : event;
        },
        ending: () => ending,
        sizeOf,
        onLeave: () => leave(listener),
      });
      listeners.add(listener);
      void pump();
      return listener.iterator;
    },
    hasStarted: () => hasStarted,
    isOpen: () => ending === undefined && bytes <= maxBytes,
  };
}

/** Counts the whole prompt as cached, for a listener that joined later. */
function asHeld(event: GenerationEvent): GenerationEvent {
  const tells = event.type === "started" || event.type === "usage";
  return tells && event.promptTokens !== undefined ? { ...event, cachedTokens: event.promptTokens } : event;
}

/** The approximate size of an event in memory, in bytes. */
function sizeOf(event: GenerationEvent): number {
  const text = "text" in event ? 2 * event.text.length : 0;
  const logprobs = event.type === "text" ? (event.logprobs ?? []) : [];
  return EVENT_BYTES + text + logprobs.reduce((sum, { top }) => sum + LOGPROB_BYTES * (1 + top.length), 0);
}

const EVENT_BYTES = 64;
const LOGPROB_BYTES = 128;

/** A listener reads so slowly that its unread events take too much memory. */
class UnreadAnswerError extends Error {
  override readonly name = "UnreadAnswerError";

  constructor(maxBytes: number) {
    super(`More than ${maxBytes} bytes of an answer were waiting to be read. Read the stream as it comes.`);
  }
}
