import type { GenerationEvent } from "./event.ts";
import type { GenerationRequest } from "./request.ts";

/** Runs a request. Nothing happens until the result is iterated; leaving the loop early cancels the work. */
export type Generate = (request: GenerationRequest) => AsyncIterable<GenerationEvent>;

/** One behaviour around a generation. It may answer by itself, pass on to `next`, or do both. */
export type Layer = (request: GenerationRequest, next: Generate) => AsyncIterable<GenerationEvent>;

/**
 * Wraps `backend` in `layers`; the first is the outermost, so it sees a request first and its events last.
 *
 * @example const generate = compose([cache, coalesce, admit], engine.generate);
 */
export function compose(layers: readonly Layer[], backend: Generate): Generate {
  return layers.reduceRight<Generate>((next, layer) => (request) => layer(request, next), backend);
}

/** A request as its engine gets it. */
export type Settle = (request: GenerationRequest) => Promise<GenerationRequest>;

/**
 * Returns a function that gives the request which `layers` would pass on to the engine, with tools and calls in the model's own form.
 * Nothing is generated. Rejects with a layer's error.
 */
export function settleThrough(layers: readonly Layer[]): Settle {
  return async (request) => {
    let settled: GenerationRequest | undefined;
    const events = compose(layers, async function* take(passed) {
      settled = passed;
      yield* [];
    })(request);
    for await (const event of events) throw new Error(`A layer made the event '${event.type}' by itself.`);
    if (settled === undefined) throw new Error("A layer passed nothing on to the engine.");
    return settled;
  };
}
