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
