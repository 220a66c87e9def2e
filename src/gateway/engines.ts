import type { Logger } from "pino";
import { settingsOf } from "../config/model-settings.ts";
import type { Config } from "../config/schema.ts";
import { createEngine, type Engine } from "../engine/host/engine.ts";
import { type LocalModel, writesText } from "../models/index.ts";
import { keptPrefixes } from "./kept-prefixes.ts";

/** The engines of models that write text, by the models' ids. */
export type Engines = ReadonlyMap<string, Engine>;

/** Whether a model is loaded at the start, and not by its first request. */
export function isLoadedAtStart({ adapter }: LocalModel): boolean {
  return adapter === undefined;
}

export type EnginesOptions = {
  readonly config: Config;
  readonly models: readonly LocalModel[];
  readonly logger: Logger;
};

/** Creates an engine for each model that writes text. Nothing runs until they are started. */
export function createEngines({ config, models, logger }: EnginesOptions): Engines {
  return new Map(
    models
      .filter(({ gguf }) => writesText(gguf))
      .map((model) => [model.id, createModelEngine(model, config, logger.child({ model: model.id }))]),
  );
}

function createModelEngine(model: LocalModel, settings: Config, logger: Logger): Engine {
  const config = settingsOf(settings, [model.id, ...model.aliases]);
  const kept = keptPrefixes(config, model);
  return createEngine({
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
  });
}
