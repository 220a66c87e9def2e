import { join, resolve } from "node:path";
import type { Catalogue } from "./catalogue-schema.ts";
import { findModel, type LocalModel } from "./ensure.ts";
import { parseSplitName } from "./gguf/split-name.ts";
import { findInstalled, listModelsDir } from "./installed.ts";
import type { ModelReference } from "./reference.ts";
import { resolveModel } from "./resolve.ts";

/** The models in a models folder, and the files there that are none. */
export type Downloaded = {
  readonly models: readonly LocalModel[];
  readonly unusable: readonly { readonly path: string; readonly reason: string }[];
};

/** More files are left alone: each one's header is read. */
const MAX_FILES = 1_000;

/**
 * Lists the models in a models folder, under the names by which they were downloaded; others are named after their files. Reads their headers.
 * Never rejects for a file that can't be used.
 */
export async function listDownloaded(catalogue: Catalogue, modelsDir: string): Promise<Downloaded> {
  const folder = resolve(modelsDir);
  const fileNames = await listModelsDir(folder);
  const models = new Map<string, LocalModel>();
  const unusable: { path: string; reason: string }[] = [];
  for (const stem of stemsOf(fileNames).slice(0, MAX_FILES)) {
    const path = findInstalled(folder, fileNames, stem) ?? join(folder, stem);
    try {
      const model = await findModel(referenceOf(stem, path, catalogue), folder);
      if (model === undefined) continue;
      const key = model.id.toLowerCase();
      if (models.has(key)) throw new Error(`its name, ${model.id}, is already that of another file`);
      models.set(key, model);
    } catch (error) {
      unusable.push({ path, reason: error instanceof Error ? error.message : String(error) });
    }
  }
  return { models: [...models.values()], unusable };
}

/** One for each model, whole or in parts. */
function stemsOf(fileNames: readonly string[]): readonly string[] {
  const stems = fileNames
    .filter((name) => name.endsWith(".gguf"))
    .map((name) => parseSplitName(name)?.prefix ?? name.slice(0, -".gguf".length));
  return [...new Set(stems)].sort();
}

/** By what name the file was downloaded. */
function referenceOf(stem: string, path: string, catalogue: Catalogue): ModelReference {
  const [owner = "", repo = "", ...file] = stem.split("--");
  const names = [
    ...catalogue.models.map(({ name }) => name),
    ...(file.length > 0
      ? [`hf:${owner}/${repo}:${file.join("--")}`, `hf:${owner}/${repo}/${file.join("/")}.gguf`]
      : []),
  ];
  for (const name of names) {
    const reference = tryResolve(name, catalogue);
    if (reference?.type === "remote" && reference.stem === stem) return reference;
  }
  return resolveModel(path, catalogue);
}

function tryResolve(name: string, catalogue: Catalogue): ModelReference | undefined {
  try {
    return resolveModel(name, catalogue);
  } catch {
    return undefined;
  }
}
