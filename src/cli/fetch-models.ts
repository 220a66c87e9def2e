import { resolve } from "node:path";
import { ensureModel, type LocalModel, loadCatalogue, type ModelReference, resolveModel } from "../models/index.ts";
import type { Output } from "./context.ts";
import { showProgress } from "./progress.ts";

export type FetchOptions = {
  readonly modelsDir: string;
  /** What relative paths are relative to. */
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  /** Takes the progress. */
  readonly stderr: Output;
  /** Breaks a download off; its reason is thrown. */
  readonly signal: AbortSignal;
};

/**
 * Makes sure that every model is on disk, downloading what is missing, one after the other. A model that two names stand for comes
 * once. Throws what `resolveModel` and `ensureModel` throw, and the signal's reason where it is aborted.
 */
export async function fetchModels(names: readonly string[], options: FetchOptions): Promise<readonly LocalModel[]> {
  const models = new Map<string, LocalModel>();
  for (const reference of await resolveModels(names, options.cwd)) {
    const model = await fetchModel(reference, options);
    models.set(model.id, model);
  }
  return [...models.values()];
}

/** All names are looked up before the first download: a slip in the last should not cost an hour. */
export async function resolveModels(names: readonly string[], cwd: string): Promise<readonly ModelReference[]> {
  const catalogue = await loadCatalogue();
  return names.map((name) => resolveModel(name, catalogue, { cwd }));
}

/** One model, with its progress shown. */
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
      "Stopped. Run the same command again to go on: what has arrived is kept, unless its source can only start over.\n",
    );
    throw signal.reason;
  } finally {
    view.stop();
  }
}
