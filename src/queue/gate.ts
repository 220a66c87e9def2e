import type { EmbedLayer } from "../generation/embedding.ts";
import type { GenerationEvent } from "../generation/event.ts";
import type { Generate, Layer } from "../generation/layer.ts";
import type { GenerationRequest } from "../generation/request.ts";
import { OWN_TERMS, sharerOf } from "../generation/terms.ts";
import type { Admission } from "./admission.ts";
import type { Demand } from "./price.ts";
import { markOf, markOfItems, sizeOfItems, sizeOfPrompt } from "./prompt-size.ts";
import type { Superseding } from "./supersede.ts";

type Result = IteratorResult<GenerationEvent, undefined>;

const DONE: Result = { done: true, value: undefined };

/** Hears of each client's request: of which tenant it is, and, by the function that is returned, when it has left. */
export type Presence = { readonly come: (tenant: string) => () => void };

type Entering = Pick<GenerationRequest, "id" | "terms" | "signal">;

/** Admits a request, or throws an `OverloadedError`. `leave` releases its room; it is called when the request is aborted. */
type Enter = <Request extends Entering>(
  request: Request,
  order: Omit<Demand, "tenant"> & { readonly mark: string },
) => { readonly request: Request; readonly leave: () => void };

function createEntrance(admission: Admission, superseding: Superseding, presence: Presence): Enter {
  return (request, order) => {
    const { id: requestId, terms = OWN_TERMS, signal: wanted } = request;
    const { tenant, supersedeId, isWarmUp } = terms;
    // The warm-up is aborted now, so that its room is free.
    const goAway = isWarmUp === true ? undefined : presence.come(tenant);
    // The older request is aborted first, so that its room is free for the newer one.
    const claim =
      supersedeId === undefined ? undefined : superseding.take({ tenant, id: supersedeId, requestId }, wanted);
    const signal = claim?.signal ?? wanted;
    let leaveRoom: (() => void) | undefined;
    let isReturning = false;
    let isOver = false;

    function leave(): void {
      if (isOver) return;
      isOver = true;
      signal.removeEventListener("abort", leave);
      claim?.end();
      leaveRoom?.();
      goAway?.();
    }
    try {
      const room = admission.enter({ ...order, tenant: sharerOf(terms) }, terms);
      leaveRoom = room.leave;
      isReturning = room.isReturning;
    } catch (error) {
      leave();
      throw error;
    }
    if (signal.aborted) leave();
    else signal.addEventListener("abort", leave, { once: true });
    const changed = {
      ...(claim !== undefined && { signal }),
      ...(isReturning && { terms: { ...terms, isReturning } }),
    };
    return { request: claim === undefined && !isReturning ? request : { ...request, ...changed }, leave };
  };
}

/** The same as `guard`, for embeddings and scores. */
export function guardEmbeddings(...gate: Parameters<typeof createEntrance>): EmbedLayer {
  const enter = createEntrance(...gate);
  return async (asked, next) => {
    const { items } = asked;
    const order = { size: sizeOfItems(items), mark: markOfItems(items), choices: 1, maxTokens: 0 };
    const { request, leave } = enter(asked, order);
    try {
      return await next(request);
    } finally {
      leave();
    }
  };
}

/**
 * The outermost layer of a model: admits requests, or refuses them with an `OverloadedError` before anything is compiled or tokenized, and lets
 * a request supersede an earlier one. A request is in progress from its first `next()` until it ends, throws, is left or aborted.
 */
export function guard(admission: Admission, superseding: Superseding, presence: Presence): Layer {
  const enter = createEntrance(admission, superseding, presence);
  return (request, next) => ({ [Symbol.asyncIterator]: () => pass(request, next) });

  function pass(asked: GenerationRequest, next: Generate): AsyncIterator<GenerationEvent, undefined> {
    let events: AsyncIterator<GenerationEvent> | undefined;
    let release: (() => void) | undefined;
    let isOver = false;

    function begin(): AsyncIterator<GenerationEvent> {
      const { choices, maxTokens } = asked;
      const order = { size: sizeOfPrompt(asked), mark: markOf(asked), choices, maxTokens };
      try {
        const { request, leave } = enter(asked, order);
        release = leave;
        return next(request)[Symbol.asyncIterator]();
      } catch (error) {
        isOver = true;
        release?.();
        throw error;
      }
    }
    /** Releases the room. The events may still end with an error. */
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
