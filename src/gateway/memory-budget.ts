import { availableMemory } from "node:process";
import { readSize } from "../config/amounts.ts";
import { settingsOf } from "../config/model-settings.ts";
import type { Config } from "../config/schema.ts";
import { estimateModelMemory, type LocalModel, writesText } from "../models/index.ts";

/** The largest context of `--context auto`, as in `engine/llama/model.ts`. */
const AUTO_CONTEXT_TOKENS = 4096;

/** The share of the free memory that models may take: the gateway and other programs need some, too. */
const SHARE = 0.9;

/** What the engine of a model is likely to take, with its slots. @param config the model's own */
export function engineBytes(model: LocalModel, { slots, context }: Pick<Config, "slots" | "context">): number {
  const trained = model.gguf.contextLength ?? AUTO_CONTEXT_TOKENS;
  const contextTokens = context === "auto" ? Math.min(trained, AUTO_CONTEXT_TOKENS) : context;
  const { fileBytes, slotBytes = 0, processBytes } = estimateModelMemory(model, { slots, contextTokens });
  return fileBytes + slotBytes + processBytes;
}

/** The same for a process that makes its vectors: it has one short context. */
export function embedderBytes(model: LocalModel): number {
  return engineBytes(model, { slots: 1, context: "auto" });
}

/** What a model is likely to take once it is loaded. @param config the model's own */
export function modelBytes(model: LocalModel, config: Pick<Config, "slots" | "context" | "replicas">): number {
  return writesText(model.gguf) ? config.replicas * engineBytes(model, config) : embedderBytes(model);
}

/**
 * The memory that models may take together. `auto` is measured now, within a container's limit; it is at least what these models are likely to
 * need: those of the setting `model` and adapters, which were served before there was a limit. A whole number of bytes.
 */
export function memoryBudget(
  config: Config,
  models: readonly LocalModel[],
  freeBytes: () => number = availableMemory,
): number {
  if (config.memory !== "auto") return readSize(config.memory) ?? 0;
  const needed = models.map((model) => {
    const own = settingsOf(config, [model.id, ...model.aliases]);
    return own.replicas * engineBytes(model, own) + embedderBytes(model);
  });
  return Math.ceil(
    Math.max(
      SHARE * freeBytes(),
      needed.reduce((total, bytes) => total + bytes, 0),
    ),
  );
}
