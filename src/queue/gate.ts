import type { GenerationEvent } from "../generation/event.ts";
import type { Generate, Layer } from "../generation/layer.ts";
import type { GenerationRequest } from "../generation/request.ts";
import { OWN_TERMS } from "../generation/terms.ts";
import type { Admission } from "./admission.ts";
import type { Attendance } from "./attendance.ts";
import { markOf, sizeOfPrompt } from "./prompt-size.ts";
import type { Superseding } from "./supersede.ts";

type Result = IteratorResult<GenerationEvent, undefined>;

const DONE: Result = { done: true, value: undefined };

/**
 * The layer in front of everything that a model does: lets requests in, or refuses them with an `OverloadedError` before anything has been
 * compiled or tokenized, and lets later ones take the place of earlier ones. A request is in hand from its first `next()` until it ends, throws,
 * is left or aborted.
 */
export function guard(admission: Admission, superseding: Superseding, attendance: Pick<Attendance, "come">): Layer {
  return (request, next) => ({ [Symbol.asyncIterator]: () => pass(request, next) });

  function pass(request: GenerationRequest, next: Generate): AsyncIterator<GenerationEvent, undefined> {
    let events: AsyncIterator<GenerationEvent> | undefined;
    let release: (() => void) | undefined;
    let isOver = false;

    function begin(): AsyncIterator<GenerationEvent> {
      const { id: requestId, terms = OWN_TERMS, signal: wanted, choices, maxTokens } = request;
      const { tenant, supersedeId, isWarmUp } = terms;
      // What only prepares gives way now, so that its room is there.
      const goAway = isWarmUp === true ? undefined : attendance.come();
      // The older one goes first, so that its room is there for the newer.
      const claim =
        supersedeId === undefined ? undefined : superseding.take({ tenant, id: supersedeId, requestId }, wanted);
      const signal = claim?.signal ?? wanted;
      let isReturning = false;
      try {
        const order = { tenant, size: sizeOfPrompt(request), mark: markOf(request), choices, maxTokens };
        const room = admission.enter(order, terms);
        isReturning = room.isReturning;
        release = () => {
          signal.removeEventListener("abort", end);
          claim?.end();
          room.leave();
          goAway?.();
        };
      } catch (error) {
        isOver = true;
        claim?.end();
        goAway?.();
        throw error;
      }
      if (signal.aborted) end();
      else signal.addEventListener("abort", end, { once: true });
      const changed = {
        ...(claim !== undefined && { signal }),
        ...(isReturning && { terms: { ...terms, isReturning } }),
      };
      return next(claim === undefined && !isReturning ? request : { ...request, ...changed })[Symbol.asyncIterator]();
    }
    /** Gives the room back. The events may still have an error to tell. */
    function end(): void {
      release?.();
      release = undefined;
    }
    function observe(result: IteratorResult<GenerationEvent>): Result {
      if (result.done !== true) return result;
      end();
      return DONE;
    }
    function fail(error: unknown): never {
      end();
      throw error;
    }

    async function start(): Promise<Result> {
      if (isOver) return DONE;
      events = begin();
      return events.next().then(observe, fail);
    }

    return {
      next: () => (events === undefined ? start() : events.next().then(observe, fail)),
      async return() {
        isOver = true;
        end();
        await events?.return?.();
        return DONE;
      },
    };
  }
}
