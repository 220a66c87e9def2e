import type { FinishReason, GenerationEvent, PromptLogprob, SampledLogprob } from "../../generation/event.ts";
import { createMailbox } from "./mailbox.ts";

/** The engine's end of one generation's stream. Whatever is written after the stream closed is dropped. */
export type EventWriter = {
  started(promptTokens: number, cachedTokens: number): void;
  /** Returns what `text` does. */
  prompt(choice: number, logprobs: readonly PromptLogprob[]): number;
  /** Returns how much text now waits for the reader, in UTF-16 code units; log-probabilities count as text of about their size. */
  text(choice: number, text: string, logprobs?: readonly SampledLogprob[]): number;
  finished(choice: number, reason: FinishReason, completionTokens: number, stopString?: string): void;
  /** Nothing follows. */
  end(): void;
  /** The reader gets what was written before, then `error`. */
  fail(error: unknown): void;
  /** The reader gets `error` next, and nothing of what waits. */
  abort(error: unknown): void;
};

type EventStream = {
  readonly writer: EventWriter;
  readonly reader: AsyncIterable<GenerationEvent>;
};

type StreamHooks = {
  /** The reader asked for the first event. */
  readonly onStart: () => void;
  /** The reader has had the end or the error, or has left. Called once, and only after `onStart`. */
  readonly onClose: (told: Told) => void;
};

/** What a reader has heard of a generation's tokens, and what waits for it. */
export type Told = {
  /** The completion tokens of the choices whose ends it has had. */
  readonly completion: number;
  /** Of the prompt, where that was not told; 0 where it was, or where nothing had started. */
  readonly untoldPrompt: number;
  readonly untoldCached: number;
};

type Waiter = PromiseWithResolvers<IteratorResult<GenerationEvent, undefined>>;

/** What `next()` gives once the mailbox is empty. */
type Ending = { readonly error: unknown } | "done";

/**
 * Joins a writer that never waits to a reader that takes its time. The reader can be iterated once.
 *
 * It is not an async generator, because the `return()` of one waits until the `next()` in progress has its event: a reader that
 * leaves between two tokens would hold its slot until the next token came.
 */
export function createEventStream({ onStart, onClose }: StreamHooks): EventStream {
  const mailbox = createMailbox();
  const waiters: Waiter[] = [];
  let state: "fresh" | "open" | "closed" = "fresh";
  let ending: Ending | undefined;
  const told = { completion: 0, untoldPrompt: 0, untoldCached: 0 };

  function close(): void {
    const wasOpen = state === "open";
    state = "closed";
    mailbox.clear();
    if (wasOpen) onClose(told);
  }

  function noteTold(event: GenerationEvent): void {
    if (event.type === "finished") told.completion += event.completionTokens ?? 0;
    if (event.type === "started") [told.untoldPrompt, told.untoldCached] = [0, 0];
  }

  /** Serves those who wait. A promise's reader runs when the step in hand was handled to its end, so once a step. */
  function serve(): void {
    while (waiters.length > 0) {
      const result = take();
      if (result === undefined) return;
      const waiter = waiters.shift();
      if (result instanceof Failure) waiter?.reject(result.error);
      else waiter?.resolve(result);
    }
  }

  function take(): IteratorResult<GenerationEvent, undefined> | Failure | undefined {
    const event = mailbox.take();
    if (event !== undefined) {
      noteTold(event);
      return { done: false, value: event };
    }
    if (ending === undefined) return state === "closed" ? { done: true, value: undefined } : undefined;
    const last = ending;
    ending = undefined;
    if (state === "open") close();
    return last === "done" ? { done: true, value: undefined } : new Failure(last.error);
  }

  function endWith(end: Ending): void {
    if (state === "closed" || ending !== undefined) return;
    ending = end;
    serve();
  }

  const writer: EventWriter = {
    started(promptTokens, cachedTokens) {
      if (state === "closed") return;
      [told.untoldPrompt, told.untoldCached] = [promptTokens, cachedTokens];
      mailbox.started(promptTokens, cachedTokens);
      serve();
    },
    prompt(choice, logprobs) {
      if (state === "closed") return 0;
      mailbox.prompt(choice, logprobs);
      serve();
      return mailbox.unreadChars;
    },
    text(choice, text, logprobs) {
      if (state === "closed") return 0;
      mailbox.text(choice, text, logprobs);
      serve();
      return mailbox.unreadChars;
    },
    finished(choice, reason, completionTokens, stopString) {
      if (state === "closed") return;
      mailbox.finished(choice, reason, completionTokens, stopString);
      serve();
    },
    end: () => endWith("done"),
    fail: (error) => endWith({ error }),
    abort(error) {
      if (state === "closed") return;
      ending = { error };
      close();
      serve();
    },
  };

  const reader = {
    [Symbol.asyncIterator]: () => reader,
    async next(): Promise<IteratorResult<GenerationEvent, undefined>> {
      if (state === "fresh") {
        state = "open";
        onStart();
      }
      const result = take();
      if (result instanceof Failure) throw result.error;
      if (result !== undefined) return result;
      const waiter: Waiter = Promise.withResolvers();
      waiters.push(waiter);
      return waiter.promise;
    },
    async return(): Promise<IteratorResult<GenerationEvent, undefined>> {
      ending = undefined;
      if (state !== "closed") close();
      serve();
      return { done: true, value: undefined };
    },
  };

  return { writer, reader };
}

/** An error on its way to a reader. */
class Failure {
  readonly error: unknown;
  constructor(error: unknown) {
    this.error = error;
  }
}
