import type { Config } from "../config/schema.ts";
import type { Engine } from "../engine/host/engine.ts";
import { GenerationError } from "../generation/errors.ts";
import type { Absence } from "../queue/queue.ts";
import type { ModelEngine } from "./engines.ts";

/** What an engine's queue needs to know of it. */
export function queueOptionsOf(engine: ModelEngine, { slots, minSlots, targetItlMs }: Config) {
  const { berth } = engine;
  const absence: Absence = {
    isAway: () => berth.isAway,
    readyInMs: () => berth.readyInMs,
    isPredictable: () => berth.isPredictable,
    call: () => callFor(engine),
  };
  return {
    ...{ slots, minSlots, targetItlMs, absence, doRest: true },
    isReady: () => engine.state === "ready",
    contextTokens: () => engine.info?.contextTokens,
  };
}

/** Has the engine load its model. Where it can't, the requests that wait are told by whoever refused. */
function callFor(engine: Engine): void {
  try {
    engine.demand();
  } catch (error) {
    if (!(error instanceof GenerationError)) throw error;
  }
}
