import { OverloadedError } from "../generation/errors.ts";
import type { GenerationEvent } from "../generation/event.ts";
import type { Generate, Layer } from "../generation/layer.ts";
import type { GenerationRequest } from "../generation/request.ts";
import { OWN_TERMS, type Terms } from "../generation/terms.ts";
import type { Bound, Claim } from "./bound.ts";
import type { Clock } from "./clock.ts";
import { type PromptSize, sizeOfPrompt } from "./prompt-size.ts";
import type { ModelQueue } from "./queue.ts";
import type { Superseding } from "./supersede.ts";

export type GateOptions = {
  readonly queue: ModelQueue;
  /** This model's bound, and that of all. A request is refused by the first that has no room for it. */
  readonly bounds: readonly Bound[];
  /** The bound that counts departures for waits: the model's own. */
  readonly superseding: Superseding;
  /** Nobody is let in who would wait longer than this for the first token. */
  readonly maxWaitMs: number;
  readonly clock: Clock;
};

/** So much more than it was promised may one wait who comes back when it was told to. */
const LENIENCY = 1.25;

/**
 * The layer in front of everything that a model does: refuses with an `OverloadedError` what there is no room for, or no time, by the prompt's
 * size in characters and the queue's state alone; nothing has been compiled or tokenized by then. A request is in hand from its first `next()`
 * until it ends, throws, is left or aborted.
 */
export function createGate({ queue, bounds, superseding, maxWaitMs, clock }: GateOptions): Layer {
  return (request, next) => ({ [Symbol.asyncIterator]: () => pass(request, next) });

  /** Takes room for the request in every bound, and returns what gives it back. */
  function enter(request: GenerationRequest, terms: Terms): () => void {
    const size = sizeOfPrompt(request);
    const claim = { tenant: terms.tenant, tokens: queue.tokensOf(size) };
    const enteredMs = clock.now();
    refuseWithoutRoom(claim, request, terms, size, enteredMs);
    for (const bound of bounds) bound.enter(claim, enteredMs);
    return () => {
      const nowMs = clock.now();
      for (const bound of bounds) bound.leave(claim, nowMs - enteredMs, nowMs);
    };
  }

  function refuseWithoutRoom(
    claim: Claim,
    { choices, maxTokens }: GenerationRequest,
    { tenant, priority, maxWaitMs: ownMs = Number.POSITIVE_INFINITY }: Terms,
    size: PromptSize,
    nowMs: number,
  ): void {
    const { waiting, sequences, limit } = queue.counts;
    const isIdle = waiting === 0 && sequences < limit;
    let isReturning = false;
    for (const bound of bounds) {
      const answer = bound.ask(claim, nowMs, isIdle);
      isReturning ||= answer.isReturning;
      if (answer.departures === 0) continue;
      const retryMs = bound.refuse(claim, answer.departures, nowMs);
      throw new OverloadedError(`The server already has ${bound.requests} requests in hand.`, retryMs);
    }

    const [own] = bounds;
    if (own === undefined) return;
    const order = { tenant, priority, size, choices, maxTokens };
    const mayMs = Math.min(ownMs, maxWaitMs);
    const held = own.heldFor(tenant, nowMs);
    const likelyMs = queue.predictMs(order, isReturning ? 0 : held.now);
    if (likelyMs <= (isReturning ? LENIENCY : 1) * mayMs) return;
    const intervalMs = own.intervalMs(nowMs);
    const tooMuchMs = queue.predictMs(order, held.now + held.later) - mayMs;
    const retryMs = own.refuse(claim, Math.max(1, Math.ceil(tooMuchMs / intervalMs)), nowMs);
    throw new OverloadedError(
      `The first token would come after about ${seconds(likelyMs)}, later than the ${seconds(mayMs)} that the request may wait.`,
      retryMs,
    );
  }

  function pass(request: GenerationRequest, next: Generate): AsyncIterator<GenerationEvent, undefined> {
    let events: AsyncIterator<GenerationEvent> | undefined;
    let release: (() => void) | undefined;
    let hasBegun = false;

    function end(): void {
      const free = release;
      release = undefined;
      free?.();
    }
    function begin(): AsyncIterator<GenerationEvent> | undefined {
      hasBegun = true;
      const { terms = OWN_TERMS, id: requestId, signal: wanted } = request;
      const { tenant, supersedeId: id } = terms;
      // The older one goes first, so that its room is there for the newer.
      const taken = id === undefined ? undefined : superseding.take({ tenant, id, requestId }, wanted);
      const signal = taken?.signal ?? wanted;
      try {
        const leave = enter(request, terms);
        signal.addEventListener("abort", end, { once: true });
        release = () => {
          signal.removeEventListener("abort", end);
          taken?.end();
          leave();
        };
      } catch (error) {
        taken?.end();
        throw error;
      }
      if (signal.aborted) end();
      events = next(taken === undefined ? request : { ...request, signal })[Symbol.asyncIterator]();
      return events;
    }
    function observe(result: IteratorResult<GenerationEvent>): IteratorResult<GenerationEvent, undefined> {
      if (result.done !== true) return result;
      end();
      return { done: true, value: undefined };
    }
    function fail(error: unknown): never {
      end();
      throw error;
    }
    async function start(): Promise<IteratorResult<GenerationEvent, undefined>> {
      const source = hasBegun ? events : begin();
      return source === undefined ? { done: true, value: undefined } : source.next().then(observe, fail);
    }

    return {
      next: () => (events === undefined ? start() : events.next().then(observe, fail)),
      async return() {
        hasBegun = true;
        end();
        await events?.return?.();
        return { done: true, value: undefined };
      },
    };
  }
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
