import type { CostOf } from "../generation/cost.ts";
import type { EmbedLayer } from "../generation/embedding.ts";
import { OverloadedError, SupersededError } from "../generation/errors.ts";
import { estimateAnswers, estimateItems, estimatePrompt, estimateTokens } from "../generation/estimate.ts";
import type { GenerationEvent } from "../generation/event.ts";
import type { Generate, Layer } from "../generation/layer.ts";
import { type News, targetOf } from "../generation/news.ts";
import type { GenerationRequest } from "../generation/request.ts";
import { OWN_TERMS } from "../generation/terms.ts";
import { createTokenCount, type WorkOf } from "../generation/token-count.ts";
import type { Key } from "./key.ts";
import type { Charge, Done, Meter, Outcome } from "./meter.ts";
import type { KeyRing } from "./ring.ts";

/** Finds what work costs at a model, by its id or the name of a route. */
type CostsOf = (model: string) => CostOf | undefined;

const NO_COSTS: CostsOf = () => undefined;

/** The costs of one request: those that each model had when it was first asked for, since a reload may change or remove it. */
function rememberCosts(costsOf: CostsOf): CostsOf {
  const known = new Map<string, CostOf | undefined>();
  return (model) => {
    if (!known.has(model)) known.set(model, costsOf(model));
    return known.get(model);
  };
}

/** Looks up the costs of the models that are asked on behalf of a route. */
function noteAsked(news: News, costs: CostsOf): void {
  if (news.type === "discarded") costs(news.target);
  if (news.type !== "routed") return;
  for (const { target, outcome } of news.steps) if (outcome === "asked" || outcome === "answered") costs(target);
}

/**
 * Applies the limits of each request's key, whose id is the request's tenant, and records what it used. A request without a key is passed on
 * unchanged.
 */
export function holdToLimits(keys: Pick<KeyRing, "get">, meter: Meter, costsOf: CostsOf = NO_COSTS): Layer {
  return (request, next) => {
    const { terms, journal } = request;
    if (journal?.charged === "all") return next(request);
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
          : createMeteredIterator({ request, key, next, meter, costsOf });
      },
    };
  }
}

/** The same for embeddings and scores. */
export function holdEmbeddingsToLimits(
  keys: Pick<KeyRing, "get">,
  meter: Meter,
  costsOf: CostsOf = NO_COSTS,
): EmbedLayer {
  return async (request, next) => {
    const { id: requestId, model, items, terms = OWN_TERMS, signal } = request;
    const key = terms.tenant === OWN_TERMS.tenant ? undefined : keys.get(terms.tenant);
    if (key === undefined) return next(request);
    const tokens = estimateItems(items);
    const costs = rememberCosts(costsOf);
    const how = terms.replay === undefined ? {} : { isBatch: true as const };
    const priced = (count: number, by = model) => costs(by)?.({ prompt: count, cached: 0, completion: 0, ...how });
    const charge = await meter.begin(key, { requestId, model, tokens, money: priced(tokens)?.money });
    let answered: string | undefined;
    const observe = (news: News) => {
      if (news.type === "routed") answered = targetOf(news);
      noteAsked(news, costs);
      request.observe?.(news);
    };
    try {
      signal.throwIfAborted();
      request.observe?.({ type: "accepted" });
      const result = await next({ ...request, observe });
      const used = { prompt: result.tokens, cached: 0, completion: 0 };
      charge.end("done", [{ model: answered, used, cost: priced(result.tokens, answered) }]);
      return result;
    } catch (error) {
      charge.end(outcomeOf(error, signal), [{ used: NOTHING }]);
      throw error;
    }
  };
}

const NOTHING = { prompt: 0, cached: 0, completion: 0 };

/** Without what an earlier process has charged. */
function uncharged(done: WorkOf, { journal }: GenerationRequest): WorkOf {
  const { charged } = journal ?? {};
  if (charged === undefined || charged === "all") return done;
  const less = (kind: "prompt" | "cached" | "completion") => Math.max(0, done.work[kind] - charged[kind]);
  const work = { prompt: less("prompt"), cached: less("cached"), completion: less("completion") };
  return { ...done, work: { ...done.work, ...work } };
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
  readonly costsOf: CostsOf;
};

/** Counts the events that pass. Not a generator, which would cost each event two more turns of the microtask queue. */
function createMeteredIterator({ request, key, next, meter, costsOf }: Metered): AsyncIterator<GenerationEvent> {
  const count = createTokenCount();
  const costs = rememberCosts(costsOf);
  let hasStarted = false;
  let isLeft = false;
  let charge: Charge | undefined;
  let source: AsyncIterator<GenerationEvent> | undefined;

  function end(outcome: Outcome): void {
    const [first = { target: undefined, work: NOTHING }, ...others] = count.works();
    charge?.end(outcome, [toDone(uncharged(first, request)), ...others.map(toDone)]);
  }

  function toDone({ target, work }: WorkOf): Done {
    return { model: target, used: work, cost: costs(target ?? request.model)?.(work) };
  }

  function note(event: GenerationEvent): void {
    if (event.type === "started") hasStarted = true;
    count.note(event);
  }

  function observe(news: News): void {
    count.noteNews(news);
    noteAsked(news, costs);
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
    const { id: requestId, model } = request;
    const estimated = { prompt: estimatePrompt(request), cached: 0, completion: estimateAnswers(request) };
    const money = request.repeat === undefined ? costs(model)?.(estimated)?.money : 0;
    charge = await meter.begin(key, { requestId, model, tokens, money });
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
