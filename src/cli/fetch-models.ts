import { resolve } from "node:path";
import type { Config } from "../config/schema.ts";
import {
  ensureModel,
  findAdapters,
  type LocalModel,
  loadCatalogue,
  type ModelReference,
  resolveModel,
} from "../models/index.ts";
import type { Output } from "./context.ts";
import { showProgress } from "./progress.ts";

export type FetchOptions = {
  readonly modelsDir: string;
  /** The base of relative paths. */
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  /** For the progress. */
  readonly stderr: Output;
  /** Aborts a download; its reason is thrown. */
  readonly signal: AbortSignal;
};

/**
 * Downloads the models that are missing, one after the other. A model with two names is returned once. Throws the errors of `resolveModel` and
 * `ensureModel`, and the signal's reason when aborted.
 */
export async function fetchModels(names: readonly string[], options: FetchOptions): Promise<readonly LocalModel[]> {
  const models = new Map<string, LocalModel>();
  for (const reference of await resolveModels(names, options.cwd)) {
    const model = await fetchModel(reference, options);
    models.set(model.id, model);
  }
  return [...models.values()];
}

/** As `fetchModels`, for all that the settings serve from this machine: models, and their adapters. Throws as `findAdapters` does, too. */
export async function fetchServed(
  { model, adapters }: Pick<Config, "model" | "adapters">,
  options: FetchOptions,
  fetch: typeof fetchModels = fetchModels,
): Promise<readonly LocalModel[]> {
  const models = await fetch(model, options);
  return [...models, ...(await findAdapters(adapters, models, options.cwd))];
}

/** Resolves all names before the first download, so that a typo in the last one is reported at once. */
export async function resolveModels(names: readonly string[], cwd: string): Promise<readonly ModelReference[]> {
  const catalogue = await loadCatalogue();
  return names.map((name) => resolveModel(name, catalogue, { cwd }));
}

/** Downloads one model and shows its progress. */
export async function fetchModel(reference: ModelReference, options: FetchOptions): Promise<LocalModel> {
  const { env, stderr, signal } = options;
  signal.throwIfAborted();
  const view = showProgress(stderr, reference.id);
  try {
    return await ensureModel(reference, {
      modelsDir: resolve(options.cwd, options.modelsDir),
      env,
      signal,
      onProgress: view.update,
    });
  } catch (error) {
    if (!signal.aborted) throw error;
    view.stop();
    stderr.write(
      "Stopped. Run the same command again to resume: the downloaded part is kept, unless its source doesn't support resuming.\n",
    );
    throw signal.reason;
  } finally {
    view.stop();
  }
}
