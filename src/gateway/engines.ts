import type { Logger } from "pino";
import { systemClock } from "../clock.ts";
import { keepLoadedMs } from "../config/amounts.ts";
import { devicesOf } from "../config/devices.ts";
import { settingsOf } from "../config/model-settings.ts";
import type { Config } from "../config/schema.ts";
import { createEmbedder, type Embedder } from "../engine/host/embedder.ts";
import { createEngine, type Engine } from "../engine/host/engine.ts";
import { forkEmbedder, forkWorkerOn } from "../engine/host/worker-child.ts";
import { type LocalModel, writesText } from "../models/index.ts";
import { type Berth, createMemory, type Memory } from "../residence/memory.ts";
import { keptPrefixes } from "./kept-prefixes.ts";
import { embedderBytes, engineBytes, memoryBudget, modelBytes } from "./memory-budget.ts";

/** A process that writes a model's text, and its place in memory. */
export type ModelEngine = Engine & {
  readonly berth: Berth;
  /** Whether the setting `model` names its model, which then stays loaded; else it is loaded on demand. */
  readonly setNamed: (isNamed: boolean) => void;
};

/** The processes of a model, and their places in memory. */
export type ModelProcesses = {
  /** One for each replica; none if the model writes no text. */
  readonly engines: readonly ModelEngine[];
  /** Its process starts with its first request, or at once if the model only makes embeddings. */
  readonly embedder: Embedder & { readonly berth: Berth };
};

/** The processes of all models, and the memory that they share. */
export type Engines = {
  readonly memory: Memory;
  /** By the models' ids. */
  readonly processes: ReadonlyMap<string, ModelProcesses>;
  /** Creates the processes of one more model. @param config the settings of all models. @param after resolves when they may take memory */
  readonly add: (model: GivenModel, config: Config, after?: Promise<void>) => ModelProcesses;
  /** Whether a model fits beside all that is in memory now. */
  readonly hasRoomFor: (model: GivenModel, config: Config) => boolean;
};

/** A model that the gateway serves. */
export type GivenModel = LocalModel & {
  /** Whether it is loaded when it is asked for, rather than at the start. */
  readonly isOnDemand?: boolean;
};

export type EnginesOptions = {
  readonly config: Config;
  /** Those of the setting `model`. */
  readonly models: readonly LocalModel[];
  /** Those that are loaded when they are asked for, and adapters. */
  readonly onDemand?: readonly LocalModel[];
  readonly logger: Logger;
};

/** How long other models than those of `--model` stay loaded without requests, as Ollama has it. */
const KEEP_LOADED_MS = 300_000;
/** The same for the embeddings of models that write text, whose process is one more. */
const KEEP_EMBEDDER_MS = 300_000;

/** A model that nobody may be waiting for is tried again sooner after a failed load, when it is asked for. */
const ON_DEMAND_RETRY_MS = 5_000;

/** Creates the processes of each model. Nothing runs until they are started. */
export function createEngines({ config, models, onDemand = [], logger }: EnginesOptions): Engines {
  const memory = createMemory({
    clock: systemClock,
    budgetBytes: memoryBudget(config, [...models, ...onDemand.filter(({ adapter }) => adapter !== undefined)]),
    maxWaitMs: config.maxWaitMs,
    logger,
  });
  const create = (model: GivenModel, settings: Config, after?: Promise<void>): ModelProcesses => {
    const config = settingsOf(settings, [model.id, ...model.aliases]);
    const own = { config, isNamed: model.isOnDemand !== true, after };
    const child = logger.child({ model: model.id });
    return {
      engines: writesText(model.gguf) ? createModelEngines(model, own, memory, child) : [],
      embedder: createModelEmbedder(model, own, memory, child),
    };
  };
  const given: readonly GivenModel[] = [...models, ...onDemand.map((model) => ({ ...model, isOnDemand: true }))];
  return {
    memory,
    processes: new Map(given.map((model) => [model.id, create(model, config)])),
    add: create,
    hasRoomFor(model, settings) {
      const { heldBytes, budgetBytes } = memory;
      return heldBytes + modelBytes(model, settingsOf(settings, [model.id, ...model.aliases])) <= budgetBytes;
    },
  };
}

/** Whether a model is loaded at the start. */
export function isPreloaded(config: Config, { id, aliases, isOnDemand }: GivenModel): boolean {
  const { preload } = settingsOf(config, [id, ...aliases]);
  return preload === "auto" ? isOnDemand !== true : preload === "on";
}

/** The automatic budget has room for the models of the setting `model`, as estimated: nothing of theirs may be put out because an estimate was low. */
function hasReserve({ memory }: Config, isNamed: boolean): boolean {
  return memory === "auto" && isNamed;
}

type Own = { readonly config: Config; readonly isNamed: boolean; readonly after: Promise<void> | undefined };

/** Room that is asked for once something else has left. */
function roomAfter(after: Promise<void>, room: Berth["room"]): Berth["room"] {
  return {
    take(grant, refuse) {
      let leave: (() => void) | undefined;
      let hasLeft = false;
      void after.then(() => {
        if (!hasLeft) leave = room.take(grant, refuse);
      });
      return () => {
        hasLeft = true;
        leave?.();
      };
    },
  };
}

function createModelEngines(model: LocalModel, own: Own, memory: Memory, logger: Logger): readonly ModelEngine[] {
  const { replicas } = own.config;
  return Array.from({ length: replicas }, (_, index) =>
    createModelEngine(model, own, memory, replicas === 1 ? logger : logger.child({ replica: index + 1 }), index),
  );
}

/** @param index which of the model's replicas it is */
function createModelEngine(
  model: LocalModel,
  { config, isNamed, after }: Own,
  memory: Memory,
  logger: Logger,
  index: number,
): ModelEngine {
  const devices = devicesOf(config.devices, index);
  const kept = keptPrefixes(config, model);
  const keepMs = (stays: boolean) =>
    config.pin === "on" ? undefined : keepLoadedMs(config.keepLoaded, stays ? undefined : KEEP_LOADED_MS);
  let isKept = isNamed;
  const berth = memory.join({
    id: model.id,
    sizeBytes: model.sizeBytes,
    estimateBytes: engineBytes(model, config),
    isPinned: config.pin === "on",
    isReserved: hasReserve(config, isNamed),
    keepLoadedMs: keepMs(isNamed),
  });
  const engine = createEngine({
    options: {
      modelPath: model.path,
      ...(model.adapter && { adapterPath: model.adapter.path }),
      slots: config.slots,
      contextTokens: config.context,
      threads: config.threads,
      gpu: config.gpu,
      flashAttention: config.flashAttention,
      prefillChunkTokens: config.prefillChunk,
      prefillPauseMs: config.prefillPauseMs,
      prefillShare: config.prefillShare,
      prefixStoreBytes: config.prefixStoreBytes,
      ...(kept && { keptPrefixes: kept }),
      drafts: config.drafts,
      measureEnergy: config.measureEnergy,
      countSteps: config.metrics !== "off",
      ...(config.replicas > 1 && devices === undefined && { coreShare: 1 / config.replicas }),
    },
    logger,
    ...(devices !== undefined && { spawn: () => forkWorkerOn(devices) }),
    room: after === undefined ? berth.room : roomAfter(after, berth.room),
    isKept: () => isKept,
    ...(!isNamed && { policy: { retryDelayMs: ON_DEMAND_RETRY_MS } }),
  });
  berth.follow(engine);
  if (devices !== undefined) warnIfUnused(engine, logger);
  return Object.assign(engine, {
    berth,
    setNamed(now: boolean) {
      if (now === isKept) return;
      isKept = now;
      berth.stay(keepMs(now));
    },
  });
}

/** Says so where GPUs can't be chosen. */
function warnIfUnused(engine: Engine, logger: Logger): void {
  const stop = engine.onStateChange((state) => {
    if (state !== "ready") return;
    stop();
    const device = engine.info?.device;
    if (device === "cpu") logger.warn("`devices` has no effect: llama.cpp found none of these GPUs, and uses the CPU.");
    if (device === "metal") logger.warn("`devices` has no effect: Metal has one device, which all replicas share.");
  });
}

function createModelEmbedder(model: LocalModel, { config, isNamed, after }: Own, memory: Memory, logger: Logger) {
  const devices = devicesOf(config.devices, 0);
  const berth = memory.join({
    id: model.id,
    sizeBytes: model.sizeBytes,
    estimateBytes: embedderBytes(model),
    isPinned: config.pin === "on" && !writesText(model.gguf),
    isReserved: hasReserve(config, isNamed),
    keepLoadedMs: keepLoadedMs(config.keepLoaded, isNamed ? KEEP_EMBEDDER_MS : KEEP_LOADED_MS),
  });
  const embedder = createEmbedder({
    options: {
      modelPath: model.path,
      ...(model.adapter && { adapterPath: model.adapter.path }),
      contextTokens: config.context,
      threads: config.threads,
      gpu: config.gpu,
      flashAttention: config.flashAttention,
    },
    logger,
    ...(devices !== undefined && { spawn: () => forkEmbedder(devices) }),
    room: after === undefined ? berth.room : roomAfter(after, berth.room),
    // Its berth ends it.
    policy: { idleMs: undefined },
    isKept: () => false,
  });
  berth.follow(embedder);
  return Object.assign(embedder, { berth });
}
