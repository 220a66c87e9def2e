import type { Engine } from "../engine/host/engine.ts";
import type { Replicas } from "../generation/backend.ts";
import type { ModelEngine } from "./engines.ts";

/** The engines of a model, which are its replicas, as one. */
export type EngineSet = Pick<
  Engine,
  | "state"
  | "info"
  | "text"
  | "heldTokens"
  | "steps"
  | "slots"
  | "generate"
  | "onStateChange"
  | "start"
  | "load"
  | "unload"
  | "stop"
> & {
  /** At least one. */
  readonly all: readonly [ModelEngine, ...ModelEngine[]];
  /** Absent if there is only one. */
  readonly replicas?: Replicas;
};

/** Undefined without any. What joins several is loaded where there are several. */
export async function joinEngines(engines: readonly ModelEngine[]): Promise<EngineSet | undefined> {
  const [first, ...others] = engines;
  if (first === undefined) return undefined;
  if (others.length === 0) return Object.assign(first, { all: [first] as const });
  return (await import("./replicas.ts")).joinReplicas([first, ...others]);
}
