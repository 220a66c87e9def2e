import { compose, type Layer } from "./layer.ts";
import type { GenerationRequest } from "./request.ts";

/** A request as its engine gets it. */
export type Settle = (request: GenerationRequest) => Promise<GenerationRequest>;

/**
 * Gives what `layers` pass on to the engine: the very request that a generation below them would run, with tools and calls in the model's
 * own form. Nothing is generated. Rejects with what a layer refuses.
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
