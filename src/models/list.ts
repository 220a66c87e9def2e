import { resolve } from "node:path";
import type { Catalogue, CatalogueEntry } from "./catalogue-schema.ts";
import { findInstalled, listModelsDir } from "./installed.ts";
import { resolveModel } from "./resolve.ts";

/** A catalogue entry, and whether its file is in the models folder. */
export type ListedModel = CatalogueEntry & {
  readonly isDownloaded: boolean;
  /** Where it is, if it is there. */
  readonly path?: string;
};

/** All models of the catalogue in its order. Looks at names in the folder only, not into files. */
export async function listModels(catalogue: Catalogue, modelsDir: string): Promise<readonly ListedModel[]> {
  const folder = resolve(modelsDir);
  const fileNames = await listModelsDir(folder);
  return catalogue.models.map((entry) => {
    const reference = resolveModel(entry.name, catalogue);
    const path = reference.type === "remote" ? findInstalled(folder, fileNames, reference.stem) : undefined;
    return { ...entry, isDownloaded: path !== undefined, ...(path !== undefined && { path }) };
  });
}
