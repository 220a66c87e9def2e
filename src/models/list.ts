import { resolve } from "node:path";
import type { Catalogue, CatalogueEntry } from "./catalogue-schema.ts";
import { findInstalled, listModelsDir } from "./installed.ts";
import { resolveModel } from "./resolve.ts";

/** A catalogue entry, and whether its file is in the models folder. */
export type ListedModel = CatalogueEntry & {
  readonly isDownloaded: boolean;
  /** The path of its file; absent if it isn't downloaded. */
  readonly path?: string;
};

/** Lists all models of the catalogue in its order. Checks only the names of files. */
export async function listModels(catalogue: Catalogue, modelsDir: string): Promise<readonly ListedModel[]> {
  const folder = resolve(modelsDir);
  const fileNames = await listModelsDir(folder);
  return catalogue.models.map((entry) => {
    const reference = resolveModel(entry.name, catalogue);
    const path = reference.type === "remote" ? findInstalled(folder, fileNames, reference.stem) : undefined;
    return { ...entry, isDownloaded: path !== undefined, ...(path !== undefined && { path }) };
  });
}
