import type { FinishReason, GenerationEvent, PromptLogprob, SampledLogprob } from "../../generation/event.ts";
import { createMailbox } from "./mailbox.ts";

/** The engine's end of one generation's stream. What is written after the stream has closed is dropped. */
export type GenerationWriter = {
  started(promptTokens: number, cachedTokens: number): void;
  /** Returns the same as `text`. */
  prompt(choice: number, logprobs: readonly PromptLogprob[]): number;
  /** Returns how much text the reader has yet to take, in UTF-16 code units. Log-probabilities count as text of about their size. */
  text(choice: number, text: string, logprobs?: readonly SampledLogprob[]): number;
  finished(choice: number, reason: FinishReason, completionTokens: number, stopString?: string): void;
  end(): void;
  /** Ends the stream with an error, after the events written before. */
  fail(error: unknown): void;
  /** Ends the stream with an error at once. Events that the reader has not taken are dropped. */
  abort(error: unknown): void;
};

type GenerationStream = {
  readonly writer: GenerationWriter;
  readonly reader: AsyncIterable<GenerationEvent>;
};

type StreamOptions = {
  /** Whether text that waits for the reader is joined; true by default. */
  readonly joins?: boolean;
  /** Called when the reader asks for the first event. */
  readonly onStart: () => void;
  /** Called once, after `onStart`, when the reader has got the end or the error, or has left. */
  readonly onClose: (delivered: Delivery) => void;
};

/** How many tokens a reader was told of, for billing a generation that it leaves early. */
export type Delivery = {
  /** The completion tokens of the choices whose `finished` event the reader has taken. */
  readonly completion: number;
  /** The prompt tokens of a `started` event that the reader has not taken; 0 if there is none. */
  readonly pendingPromptTokens: number;
  readonly pendingCachedTokens: number;
};

type Waiter = PromiseWithResolvers<IteratorResult<GenerationEvent, undefined>>;

/** The result of `next()` once the mailbox is empty. */
type Ending = { readonly error: unknown } | "done";

/**
 * Connects a writer that never waits to a slower reader. The reader can be iterated once.
 *
 * It isn't an async generator, because a generator's `return()` waits for the `next()` in progress: a reader that leaves between two
 * tokens would hold its slot until the next token.
 */
export function createGenerationStream({ onStart, onClose, joins }: StreamOptions): GenerationStream {
  const mailbox = createMailbox(joins);
  const waiters: Waiter[] = [];
  let state: "fresh" | "open" | "closed" = "fresh";
  let ending: Ending | undefined;
  const delivered = { completion: 0, pendingPromptTokens: 0, pendingCachedTokens: 0 };

  function close(): void {
    const wasOpen = state === "open";
    state = "closed";
    mailbox.clear();
    if (wasOpen) onClose(delivered);
  }

  function noteDelivery(event: GenerationEvent): void {
    if (event.type === "finished") delivered.completion += event.completionTokens ?? 0;
    if (event.type === "started") [delivered.pendingPromptTokens, delivered.pendingCachedTokens] = [0, 0];
  }

  /** Resolves waiting reads. The reader runs after the current step was handled completely, so once a step. */
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
      noteDelivery(event);
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

  const writer: GenerationWriter = {
    started(promptTokens, cachedTokens) {
      if (state === "closed") return;
      [delivered.pendingPromptTokens, delivered.pendingCachedTokens] = [promptTokens, cachedTokens];
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

/** An error for the reader. */
class Failure {
  readonly error: unknown;
  constructor(error: unknown) {
    this.error = error;
  }
}
