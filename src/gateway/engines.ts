import type { Logger } from "pino";
import { systemClock } from "../clock.ts";
import { keepLoadedMs } from "../config/amounts.ts";
import { settingsOf } from "../config/model-settings.ts";
import type { Config } from "../config/schema.ts";
import { createEmbedder, type Embedder } from "../engine/host/embedder.ts";
import { createEngine, type Engine } from "../engine/host/engine.ts";
import { type LocalModel, writesText } from "../models/index.ts";
import { type Berth, createMemory, type Memory } from "../residence/memory.ts";
import { keptPrefixes } from "./kept-prefixes.ts";
import { embedderBytes, engineBytes, memoryBudget } from "./memory-budget.ts";

/** The processes of a model, and their places in memory. */
export type ModelProcesses = {
  /** Undefined if the model writes no text. */
  readonly engine: (Engine & { readonly berth: Berth }) | undefined;
  /** Its process starts with its first request, or at once if the model only makes embeddings. */
  readonly embedder: Embedder & { readonly berth: Berth };
};

/** The processes of all models, and the memory that they share. */
export type Engines = {
  readonly memory: Memory;
  /** By the models' ids. */
  readonly processes: ReadonlyMap<string, ModelProcesses>;
  /** Creates the processes of one more model. @param config the settings of all models */
  readonly add: (model: GivenModel, config: Config) => ModelProcesses;
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
  const create = (model: GivenModel, settings: Config): ModelProcesses => {
    const own = { config: settingsOf(settings, [model.id, ...model.aliases]), isNamed: model.isOnDemand !== true };
    const child = logger.child({ model: model.id });
    return {
      engine: writesText(model.gguf) ? createModelEngine(model, own, memory, child) : undefined,
      embedder: createModelEmbedder(model, own, memory, child),
    };
  };
  const given: readonly GivenModel[] = [...models, ...onDemand.map((model) => ({ ...model, isOnDemand: true }))];
  return {
    memory,
    processes: new Map(given.map((model) => [model.id, create(model, config)])),
    add: create,
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

type Own = { readonly config: Config; readonly isNamed: boolean };

function createModelEngine(model: LocalModel, { config, isNamed }: Own, memory: Memory, logger: Logger) {
  const kept = keptPrefixes(config, model);
  const keepMs = keepLoadedMs(config.keepLoaded, isNamed ? undefined : KEEP_LOADED_MS);
  const berth = memory.join({
    id: model.id,
    sizeBytes: model.sizeBytes,
    estimateBytes: engineBytes(model, config),
    isPinned: config.pin === "on",
    isReserved: hasReserve(config, isNamed),
    keepLoadedMs: config.pin === "on" ? undefined : keepMs,
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
    },
    logger,
    room: berth.room,
    ...(!isNamed && { isKept: () => false, policy: { retryDelayMs: ON_DEMAND_RETRY_MS } }),
  });
  berth.follow(engine);
  return Object.assign(engine, { berth });
}

function createModelEmbedder(model: LocalModel, { config, isNamed }: Own, memory: Memory, logger: Logger) {
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
    room: berth.room,
    // Its berth ends it.
    policy: { idleMs: undefined },
    isKept: () => false,
  });
  berth.follow(embedder);
  return Object.assign(embedder, { berth });
}
