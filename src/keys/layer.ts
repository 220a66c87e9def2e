import type { EmbedLayer } from "../generation/embedding.ts";
import { OverloadedError, SupersededError } from "../generation/errors.ts";
import { estimateItems, estimateTokens } from "../generation/estimate.ts";
import type { GenerationEvent } from "../generation/event.ts";
import type { Generate, Layer } from "../generation/layer.ts";
import { type News, targetOf } from "../generation/news.ts";
import type { GenerationRequest } from "../generation/request.ts";
import { OWN_TERMS } from "../generation/terms.ts";
import { createTokenCount } from "../generation/token-count.ts";
import type { Key } from "./key.ts";
import type { Charge, Meter, Outcome } from "./meter.ts";
import type { KeyRing } from "./ring.ts";

/**
 * Applies the limits of each request's key, whose id is the request's tenant, and records what it used. A request without a key is passed on
 * unchanged.
 */
export function holdToLimits(keys: Pick<KeyRing, "get">, meter: Meter): Layer {
  return (request, next) => {
    const { terms } = request;
    // No key has the id that is used when keys are not required.
    return terms === undefined || terms.tenant === OWN_TERMS.tenant
      ? next(request)
      : metered(request, terms.tenant, next);
  };

  function metered(request: GenerationRequest, tenant: string, next: Generate): AsyncIterable<GenerationEvent> {
    return {
      [Symbol.asyncIterator]() {
        const key = keys.get(tenant);
        return key === undefined
          ? next(request)[Symbol.asyncIterator]()
          : createMeteredIterator({ request, key, next, meter });
      },
    };
  }
}

/** The same for embeddings and scores. */
export function holdEmbeddingsToLimits(keys: Pick<KeyRing, "get">, meter: Meter): EmbedLayer {
  return async (request, next) => {
    const { id: requestId, model, items, terms = OWN_TERMS, signal } = request;
    const key = terms.tenant === OWN_TERMS.tenant ? undefined : keys.get(terms.tenant);
    if (key === undefined) return next(request);
    const charge = await meter.begin(key, { requestId, model, tokens: estimateItems(items) });
    let answered: string | undefined;
    const observe = (news: News) => {
      if (news.type === "routed") answered = targetOf(news);
      request.observe?.(news);
    };
    try {
      signal.throwIfAborted();
      request.observe?.({ type: "accepted" });
      const result = await next({ ...request, observe });
      charge.end("done", { prompt: result.tokens, cached: 0, completion: 0 }, answered);
      return result;
    } catch (error) {
      charge.end(outcomeOf(error, signal), { prompt: 0, cached: 0, completion: 0 });
      throw error;
    }
  };
}

function outcomeOf(error: unknown, signal: AbortSignal, hasStarted = false): Outcome {
  if (signal.aborted || error instanceof SupersededError) return "left";
  return error instanceof OverloadedError && !hasStarted ? "refused" : "failed";
}

type Metered = {
  readonly request: GenerationRequest;
  readonly key: Key;
  readonly next: Generate;
  readonly meter: Meter;
};

/** Counts the events that pass. Not a generator, which would cost each event two more turns of the microtask queue. */
function createMeteredIterator({ request, key, next, meter }: Metered): AsyncIterator<GenerationEvent> {
  const count = createTokenCount();
  let hasStarted = false;
  /** Whether the answer was generated for an earlier request, which was charged for it. */
  let isReplay = false;
  let isLeft = false;
  /** The target that answers, or is asked, if the model is a route. */
  let answered: string | undefined;
  let charge: Charge | undefined;
  let source: AsyncIterator<GenerationEvent> | undefined;

  function end(outcome: Outcome): void {
    const { prompt, cached, completion } = count.counts();
    charge?.end(outcome, { prompt, cached, completion }, answered);
  }

  function note(event: GenerationEvent): void {
    if (event.type === "started") {
      hasStarted = true;
      isReplay = event.isReplay ?? false;
    }
    if (!isReplay) count.note(event);
  }

  function observe(news: News): void {
    if (news.type === "left") count.noteLeft(news.spent);
    if (news.type === "routed") answered = targetOf(news);
    request.observe?.(news);
  }

  function pass(result: IteratorResult<GenerationEvent>): IteratorResult<GenerationEvent> {
    if (result.done === true) end("done");
    else note(result.value);
    return result;
  }

  function fail(error: unknown): never {
    end(outcomeOf(error, request.signal, hasStarted));
    throw error;
  }

  async function begin(): Promise<IteratorResult<GenerationEvent>> {
    const tokens = request.repeat?.tokens ?? estimateTokens(request);
    charge = await meter.begin(key, { requestId: request.id, model: request.model, tokens });
    if (isLeft) {
      end("left");
      return { done: true, value: undefined };
    }
    request.observe?.({ type: "accepted" });
    source = next({ ...request, observe })[Symbol.asyncIterator]();
    return source.next().then(pass, fail);
  }

  return {
    next: () => (source === undefined ? begin() : source.next().then(pass, fail)),
    async return() {
      isLeft = true;
      // First, since the source reports what was spent when it is left.
      const left = source?.return?.();
      end("left");
      await left;
      return { done: true, value: undefined };
    },
  };
}
