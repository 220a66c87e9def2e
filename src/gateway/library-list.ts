import { basename } from "node:path";
import { settingsOf } from "../config/model-settings.ts";
import type { Config } from "../config/schema.ts";
import {
  freeDiskBytes,
  type ListedModel,
  type LocalModel,
  listDownloaded,
  listModels,
  loadCatalogue,
} from "../models/index.ts";
import type { Memory } from "../residence/memory.ts";
import type { ModelDirectory } from "../routing/directory.ts";
import type { LibraryEntry, LibraryList } from "../routing/library.ts";
import { engineBytes } from "./memory-budget.ts";

export type LibraryListOptions = {
  readonly modelsDir: string;
  readonly config: () => Config;
  readonly directory: Pick<ModelDirectory, "find">;
  readonly isGiven: (id: string) => boolean;
  readonly memory: Pick<Memory, "budgetBytes" | "heldBytes" | "pinnedBytes">;
};

/** The catalogue's models in its order, and then those of the folder that it doesn't have. */
export async function listLibrary({
  modelsDir,
  config,
  directory,
  isGiven,
  memory,
}: LibraryListOptions): Promise<LibraryList> {
  const catalogue = await loadCatalogue();
  const [listed, downloaded, freeBytes] = await Promise.all([
    listModels(catalogue, modelsDir),
    listDownloaded(catalogue, modelsDir),
    freeDiskBytes(modelsDir).catch(() => undefined),
  ]);
  const here = new Map(downloaded.models.map((model) => [model.id.toLowerCase(), model]));

  function entryOf(name: string, model: LocalModel | undefined): LibraryEntry {
    const servedAs = directory.find(name)?.id;
    return {
      name,
      isDownloaded: model !== undefined,
      isGiven: servedAs !== undefined && isGiven(servedAs),
      ...(servedAs !== undefined && { servedAs }),
      ...(model && {
        sizeBytes: model.sizeBytes,
        memoryBytes: engineBytes(model, settingsOf(config(), [model.id, ...model.aliases])),
        ...(model.gguf.quantization !== undefined && { quantization: model.gguf.quantization }),
        parameters: formatParameters(model.gguf.parameterCount),
      }),
    };
  }

  const known = listed.map((entry) => ({
    ...describe(entry),
    ...entryOf(entry.name, here.get(entry.name.toLowerCase())),
  }));
  const names = new Set(known.map(({ name }) => name.toLowerCase()));
  const others = [...here.values()].filter(({ id }) => !names.has(id.toLowerCase()));
  return {
    entries: [...known, ...others.map((model) => entryOf(model.id, model))],
    unusable: downloaded.unusable.map(({ path, reason }) => ({ file: basename(path), reason })),
    ...(freeBytes !== undefined && { freeDiskBytes: freeBytes }),
    memory: { budgetBytes: memory.budgetBytes, heldBytes: memory.heldBytes, pinnedBytes: memory.pinnedBytes },
  };
}

function describe({ description, purpose, license, parameters, quantization, ...entry }: ListedModel) {
  const sizeBytes = entry.sizeBytes ?? entry.approximateSizeBytes;
  return {
    about: { description, purpose, license },
    ...{ parameters, quantization, memoryBytes: entry.memoryBytes },
    ...(sizeBytes !== undefined && { sizeBytes, isSizeEstimated: entry.sizeBytes === undefined }),
  };
}

/** `135M`, `1.7B`. */
function formatParameters(count: number): string {
  return count >= 1e9 ? `${(count / 1e9).toFixed(1)}B` : `${Math.round(count / 1e6)}M`;
}
