import type { Clock } from "../clock.ts";
import type { GenerationEvent } from "../generation/event.ts";
import type { Generate, Layer } from "../generation/layer.ts";
import type { PromptPrice } from "../generation/model.ts";
import type { GenerationRequest } from "../generation/request.ts";
import { type Hold, OWN_TERMS, sharerOf } from "../generation/terms.ts";
import { piecesOf } from "./prompt-pieces.ts";
import { sizeOfPrompt } from "./prompt-size.ts";
import type { ModelQueue } from "./queue.ts";
import type { JobHandle } from "./task.ts";

export type TakeTurnsOptions = {
  readonly queue: ModelQueue;
  readonly clock: Clock;
  /** Asks the engine for the size of a prompt, and how much of it is cached. Called for requests that must wait. */
  readonly price?: ((request: GenerationRequest, place?: number) => Promise<PromptPrice>) | undefined;
};

type Result = IteratorResult<GenerationEvent, undefined>;

const DONE: Result = { done: true, value: undefined };

/** A reader that asks for the next event within this time waits for the engine, so the time until the event measures the engine. */
const PROMPT_READER_MS = 5;

/** A reader that has taken nothing for this long is stalled: its slots count as free for the requests that wait. */
const STALLED_MS = 2_000;

/**
 * The innermost layer, around an engine: passes a request on when its turn comes, and reports its progress to the queue. Events are passed on
 * unchanged, at the cost of a timestamp for each text.
 *
 * A request is in the queue from its first `next()`. When it is aborted or left it is removed at once, and its slots are free.
 */
export function takeTurns({ queue, clock, price }: TakeTurnsOptions): Layer {
  return (request, next) => ({ [Symbol.asyncIterator]: () => takeTurn(request, next) });

  function takeTurn(request: GenerationRequest, next: Generate): AsyncIterator<GenerationEvent, undefined> {
    const { signal, terms = OWN_TERMS } = request;
    const turn = Promise.withResolvers<void>();
    let handle: JobHandle | undefined;
    /** The engine's events, once the request has its turn. */
    let events: AsyncIterator<GenerationEvent> | undefined;
    let isOpen = false;
    let hasLeft = false;
    /** With several choices, the time between two texts isn't the time between two tokens of a sequence. */
    const isAlone = request.choices === 1;
    let askedMs = 0;
    /** When the reader took the last event; undefined while it waits for the engine. */
    let restingMs: number | undefined;
    let spokeMs = Number.NEGATIVE_INFINITY;

    function begin(): void {
      if (signal.aborted) {
        onAbort();
        return;
      }
      signal.addEventListener("abort", onAbort, { once: true });
      handle = queue.arrive({
        id: request.id,
        ...{ tenant: sharerOf(terms), priority: terms.priority, maxWaitMs: terms.maxWaitMs, onWait: request.observe },
        isFirst: terms.isReturning,
        isWarmUp: terms.isWarmUp,
        ...{ size: sizeOfPrompt(request), choices: request.choices, maxTokens: request.maxTokens },
        pieces: () => piecesOf(request),
        onTurn(place) {
          try {
            const given = { ...terms, onTaken, ...(place !== undefined && { place }) };
            events = next({ ...request, terms: given })[Symbol.asyncIterator]();
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
        askPrice: price && ((place) => price(request, place)),
        isStalled: () => restingMs !== undefined && clock.now() - restingMs > STALLED_MS,
      });
      // The request ended before `arrive` returned.
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
    /** The engine gets the same signal, and fails what it has begun with the same reason. */
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
      } else if (value.type !== "usage" && value.type !== "prompt") {
        handle?.other();
      }
      return result;
    }
    function fail(error: unknown): never {
      leave();
      throw error;
    }

    /** All calls of `next()` before the turn wait here, so that events come in the order of the calls. */
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
