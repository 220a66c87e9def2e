import type { Clock } from "../clock.ts";
import type { GenerationEvent } from "../generation/event.ts";
import type { Generate, Layer } from "../generation/layer.ts";
import type { PromptPrice } from "../generation/model.ts";
import type { GenerationRequest } from "../generation/request.ts";
import { type Hold, OWN_TERMS } from "../generation/terms.ts";
import { sizeOfPrompt } from "./prompt-size.ts";
import type { ModelQueue } from "./queue.ts";
import type { JobHandle } from "./task.ts";

export type TakeTurnsOptions = {
  readonly queue: ModelQueue;
  readonly clock: Clock;
  /** What the engine knows of a prompt before it runs. Asked for requests that must wait. */
  readonly price?: ((request: GenerationRequest) => Promise<PromptPrice>) | undefined;
};

type Result = IteratorResult<GenerationEvent, undefined>;

const DONE: Result = { done: true, value: undefined };

/** A reader that asks for the next event within this time was waiting for it, so that when it comes says how fast the engine is. */
const PROMPT_READER_MS = 5;

/** A reader that has taken nothing for so long doesn't keep up, and holds no slot against those who wait. */
const STALLED_MS = 2_000;

/**
 * The layer directly around an engine: hands a request on when its turn has come, and tells the queue what becomes of it. What the engine says
 * is passed on as it is, at the cost of a timestamp for each text.
 *
 * A request is in the queue from its first `next()`. One that is aborted or left is out of it at once, and its slots are free.
 */
export function takeTurns({ queue, clock, price }: TakeTurnsOptions): Layer {
  return (request, next) => ({ [Symbol.asyncIterator]: () => takeTurn(request, next) });

  function takeTurn(request: GenerationRequest, next: Generate): AsyncIterator<GenerationEvent, undefined> {
    const { signal, terms = OWN_TERMS } = request;
    const turn = Promise.withResolvers<void>();
    let handle: JobHandle | undefined;
    /** The engine's, once the turn has come. */
    let events: AsyncIterator<GenerationEvent> | undefined;
    let isOpen = false;
    let hasLeft = false;
    /** Several choices speak at the same time, which says nothing about the time between two tokens. */
    const isAlone = request.choices === 1;
    let askedMs = 0;
    /** Since when the reader has not asked for more; undefined while it waits for the engine. */
    let restingMs: number | undefined;
    let spokeMs = Number.NEGATIVE_INFINITY;

    function begin(): void {
      if (signal.aborted) {
        onAbort();
        return;
      }
      signal.addEventListener("abort", onAbort, { once: true });
      handle = queue.arrive({
        ...{ tenant: terms.tenant, priority: terms.priority, maxWaitMs: terms.maxWaitMs, onWait: request.observe },
        isFirst: terms.isReturning,
        isWarmUp: terms.isWarmUp,
        ...{ size: sizeOfPrompt(request), choices: request.choices, maxTokens: request.maxTokens },
        onTurn() {
          try {
            events = next({ ...request, terms: { ...terms, onTaken } })[Symbol.asyncIterator]();
            turn.resolve();
          } catch (error) {
            leave();
            turn.reject(error);
          }
        },
        onRefused(error) {
          leave();
          turn.reject(error);
        },
        askPrice: price && (() => price(request)),
        isStalled: () => restingMs !== undefined && clock.now() - restingMs > STALLED_MS,
      });
      // It was over before `arrive` returned.
      if (hasLeft) handle.leave();
    }
    function onTaken(hold: Hold): void {
      handle?.taken(hold);
    }
    function leave(): void {
      hasLeft = true;
      signal.removeEventListener("abort", onAbort);
      handle?.leave();
    }
    /** The engine hears of it too, and fails what it has begun with the same reason. */
    function onAbort(): void {
      leave();
      turn.reject(signal.reason);
    }

    function observe(result: IteratorResult<GenerationEvent>): Result {
      if (result.done === true) {
        leave();
        return DONE;
      }
      const { value } = result;
      const nowMs = clock.now();
      restingMs = nowMs;
      if (value.type === "text") {
        const wasAwaited = isAlone && askedMs - spokeMs < PROMPT_READER_MS;
        handle?.text(wasAwaited ? nowMs - spokeMs : undefined);
        spokeMs = nowMs;
      } else if (value.type === "started") {
        const { promptTokens, cachedTokens = 0 } = value;
        handle?.started(promptTokens === undefined ? undefined : { promptTokens, cachedTokens });
      } else if (value.type === "finished") {
        handle?.choiceEnded(value.completionTokens);
      }
      return result;
    }
    function fail(error: unknown): never {
      leave();
      throw error;
    }

    /** Everybody who asks before the turn has come waits here, so that events come in the order in which they were asked for. */
    async function waitForTurn(): Promise<Result> {
      if (hasLeft && events === undefined) return DONE;
      if (handle === undefined) begin();
      if (events === undefined) await turn.promise;
      isOpen = true;
      return events === undefined ? DONE : ask(events);
    }
    function ask(source: AsyncIterator<GenerationEvent>): Promise<Result> {
      askedMs = clock.now();
      restingMs = undefined;
      return source.next().then(observe, fail);
    }

    return {
      next: () => (isOpen && events !== undefined ? ask(events) : waitForTurn()),
      async return() {
        leave();
        turn.resolve();
        await events?.return?.();
        return DONE;
      },
    };
  }
}
