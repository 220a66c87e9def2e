import type { Config } from "../config/schema.ts";
import type { Engine } from "../engine/host/engine.ts";
import { sumSteps } from "../engine/host/step-totals.ts";
import type { BackendState } from "../generation/backend.ts";
import type { ModelText } from "../generation/model.ts";
import { createHeldPrompts } from "../queue/held-prompts.ts";
import type { Around, LoadControl, QueueLayers } from "../queue/load-control.ts";
import { createModelQueue } from "../queue/queue.ts";
import { createReplicaQueue, type ReplicaQueue } from "../queue/replica-queue.ts";
import type { EngineSet } from "./engine-set.ts";
import type { ModelEngine } from "./engines.ts";
import { queueOptionsOf } from "./queue-options.ts";

/** What counts for a model with several replicas: it serves as long as one of them does. */
const BEST_FIRST: readonly Engine["state"][] = [
  ...(["ready", "loading", "restarting", "unloading", "unloaded"] as const),
  ...(["failed", "stopped"] as const),
];

/** The context of a slot is told when the model has loaded; until then it is what `auto` gives. */
const DEFAULT_CONTEXT_TOKENS = 4_096;

/** A token of English text has about so many characters. */
const CHARS_PER_TOKEN = 4;

/** Several engines of a model as one. A request says by its `place` which of them takes it. */
export function joinReplicas(all: EngineSet["all"]): EngineSet {
  const [first] = all;
  const stateOf = () => BEST_FIRST.find((state) => all.some((engine) => engine.state === state)) ?? "failed";
  /** Where questions about text are answered, which need no slot. */
  const reader = () => all.find(({ state }) => state === "ready") ?? all.find(({ state }) => !isDead(state)) ?? first;
  const text: ModelText = {
    tokenize: (...given) => reader().text.tokenize(...given),
    detokenize: (...given) => reader().text.detokenize(...given),
    spell: (...given) => reader().text.spell(...given),
    applyTemplate: (...given) => reader().text.applyTemplate(...given),
    countTokens: (...given) => reader().text.countTokens(...given),
    price: (...given) => reader().text.price(...given),
  };
  const each = async (work: (engine: ModelEngine) => Promise<unknown>) => void (await Promise.all(all.map(work)));

  async function load(by: "start" | "load") {
    const [info] = await Promise.all([first[by](), ...all.slice(1).map((engine) => engine[by]())]);
    return info;
  }

  return {
    ...{ all, text },
    get state() {
      return stateOf();
    },
    get info() {
      return all.find(({ info }) => info !== undefined)?.info;
    },
    get heldTokens() {
      return all.reduce((sum, { heldTokens }) => sum + heldTokens, 0);
    },
    get steps() {
      return sumSteps(all.flatMap(({ steps }) => steps ?? []));
    },
    slots: async () =>
      (await Promise.all(all.map(({ slots }) => slots()))).flat().map((slot, index) => ({ ...slot, index })),
    generate: (request) => (all[request.terms?.place ?? 0] ?? first).generate(request),
    onStateChange(listener) {
      let known = stateOf();
      return onEach(all, () => {
        const state = stateOf();
        if (state === known) return;
        known = state;
        listener(state);
      });
    },
    start: () => load("start"),
    load: () => load("load"),
    unload: (how) => each((engine) => engine.unload(how)),
    stop: () => each((engine) => engine.stop()),
    replicas: {
      states: () => all.map(({ state }) => told(state)),
      onStateChange: (listener) => onEach(all, (state) => listener(told(state))),
    },
  };
}

/** The layers around a model's replicas: one gate, and a queue for each. */
export function replicaLayers({ all }: EngineSet, load: LoadControl, config: Config, around: Around): QueueLayers {
  const { slots } = config;
  const isDown = (engine: ModelEngine) => isDead(engine.state) || engine.state === "restarting";
  const hasOther = (engine: ModelEngine) => all.some((other) => other !== engine && !isDown(other));
  let queue: ReplicaQueue | undefined;
  const layers = load.layersFor((clock) => {
    queue = createReplicaQueue(
      clock,
      all.map((engine) => {
        const { absence, ...own } = queueOptionsOf(engine, config);
        // What has not begun there can begin elsewhere.
        const isAway = () => absence.isAway() || (isDown(engine) && hasOther(engine));
        const contextTokens = config.context === "auto" ? DEFAULT_CONTEXT_TOKENS : config.context;
        return {
          queue: createModelQueue({ clock, ...own, absence: { ...absence, isAway } }),
          isDown: () => isDown(engine),
          isAway,
          held: createHeldPrompts(slots * contextTokens * CHARS_PER_TOKEN),
          use: engine.berth.use,
        };
      }),
    );
    return queue;
  }, around);
  for (const [index, engine] of all.entries()) {
    engine.berth.onRefused((error) => queue?.refuseAt(index, error));
    // As with a single engine.
    engine.onStateChange((state) => {
      if (state !== "ready") queue?.forgetAt(index);
      if (state === "unloaded") queueMicrotask(() => queue?.lookAt(index));
      else queue?.lookAt(index);
    });
  }
  return layers;
}

function onEach(all: readonly ModelEngine[], listener: (state: Engine["state"]) => void): () => void {
  const stops = all.map((engine) => engine.onStateChange(listener));
  return () => {
    for (const stop of stops) stop();
  };
}

function isDead(state: Engine["state"]): boolean {
  return state === "failed" || state === "stopped";
}

function told(state: Engine["state"]): BackendState {
  return state === "stopped" ? "failed" : state;
}
