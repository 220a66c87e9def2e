import { OverloadedError, SupersededError } from "../generation/errors.ts";
import type { GenerationEvent } from "../generation/event.ts";
import type { Generate, Layer } from "../generation/layer.ts";
import type { GenerationRequest } from "../generation/request.ts";
import { OWN_TERMS } from "../generation/terms.ts";
import { estimateTokens } from "./estimate.ts";
import type { Key } from "./key.ts";
import type { Charge, Meter, Outcome } from "./meter.ts";
import type { KeyRing } from "./ring.ts";

/**
 * Holds each request to the limits of its key, whose id is the request's tenant, and notes what it used. A request without a key is passed
 * on as it is.
 */
export function holdToLimits(keys: Pick<KeyRing, "get">, meter: Meter): Layer {
  return (request, next) => {
    const { terms } = request;
    // No key has the id of whoever needs none.
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

type Metered = {
  readonly request: GenerationRequest;
  readonly key: Key;
  readonly next: Generate;
  readonly meter: Meter;
};

/** Counts what passes by. Written by hand: a generator would cost each event two turns of the microtask queue more. */
function createMeteredIterator({ request, key, next, meter }: Metered): AsyncIterator<GenerationEvent> {
  const used = { prompt: 0, cached: 0, completion: 0 };
  /** Events of text since a choice's count was known: the least that was drawn. */
  let uncounted = 0;
  let hasStarted = false;
  /** What was generated before, for another request, was counted then. */
  let isReplay = false;
  let isLeft = false;
  let charge: Charge | undefined;
  let source: AsyncIterator<GenerationEvent> | undefined;

  function end(outcome: Outcome): void {
    charge?.end(outcome, { ...used, completion: used.completion + uncounted });
  }

  function note(event: GenerationEvent): void {
    if (event.type === "started") {
      hasStarted = true;
      isReplay = event.isReplay ?? false;
    }
    if (isReplay) return;
    if (event.type === "started") {
      used.prompt += event.promptTokens;
      used.cached += event.cachedTokens;
    } else if (event.type === "finished") {
      used.completion += event.completionTokens;
      uncounted = 0;
    } else {
      uncounted += 1;
    }
  }

  function pass(result: IteratorResult<GenerationEvent>): IteratorResult<GenerationEvent> {
    if (result.done === true) end("done");
    else note(result.value);
    return result;
  }

  function fail(error: unknown): never {
    end(outcomeOf(error));
    throw error;
  }

  function outcomeOf(error: unknown): Outcome {
    if (request.signal.aborted || error instanceof SupersededError) return "left";
    return error instanceof OverloadedError && !hasStarted ? "refused" : "failed";
  }

  async function begin(): Promise<IteratorResult<GenerationEvent>> {
    charge = await meter.begin(key, { requestId: request.id, model: request.model, tokens: estimateTokens(request) });
    if (isLeft) {
      end("left");
      return { done: true, value: undefined };
    }
    source = next(request)[Symbol.asyncIterator]();
    return source.next().then(pass, fail);
  }

  return {
    next: () => (source === undefined ? begin() : source.next().then(pass, fail)),
    async return() {
      isLeft = true;
      end("left");
      await source?.return?.();
      return { done: true, value: undefined };
    },
  };
}
