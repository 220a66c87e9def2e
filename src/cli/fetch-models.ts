import { resolve } from "node:path";
import type { Config } from "../config/schema.ts";
import {
  adapterNames,
  ensureModel,
  findAdapters,
  type LocalModel,
  listDownloaded,
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

/** The models on this machine that a gateway serves. */
export type ServedModels = {
  /** Those of the setting `model`. */
  readonly models: readonly LocalModel[];
  /** Those that are loaded when they are asked for. */
  readonly onDemand: readonly LocalModel[];
};

/** In the setting `onDemand`: all models in the models folder. */
export const DOWNLOADED = "downloaded";

type NamedModels = Pick<Config, "model" | "onDemand" | "adapters">;

/**
 * Finds the models that the settings name, with `find`, those in the models folder, and their adapters. Each is there once. Throws as `find` and
 * `findAdapters` do.
 *
 * @param folder the models folder
 */
export async function findServed(
  { model, onDemand, adapters }: NamedModels,
  { folder, cwd }: { readonly folder: string; readonly cwd: string },
  find: (names: readonly string[]) => Promise<readonly LocalModel[]>,
  warn: (message: string) => void,
): Promise<ServedModels> {
  const models = await find(model);
  const named = onDemand.filter((name) => name !== DOWNLOADED);
  const found = named.length === 0 ? [] : [...(await find(named))];
  if (named.length < onDemand.length) {
    const downloaded = await listDownloaded(await loadCatalogue(), folder);
    found.push(...downloaded.models);
    if (downloaded.models.length + downloaded.unusable.length === 0)
      warn(`onDemand: ${DOWNLOADED} serves none, since no model is in ${folder}. Download one with: sluice pull NAME`);
    for (const { path, reason } of downloaded.unusable) warn(`${path} is not served: ${reason}`);
  }
  const byId = new Map(found.map((each) => [each.id.toLowerCase(), each]));
  for (const { id, path } of models) {
    byId.delete(id.toLowerCase());
    for (const [key, other] of byId) if (other.path === path) byId.delete(key);
  }
  const others = [...byId.values()];
  return { models, onDemand: [...others, ...(await findAdapters(adapters, [...models, ...others], cwd))] };
}

/** The same; downloads what is missing of those that the settings name. Throws as `fetchModels` does. */
export async function fetchServed(
  settings: NamedModels,
  options: FetchOptions,
  warn: (message: string) => void,
  fetch: typeof fetchModels = fetchModels,
): Promise<ServedModels> {
  const folder = resolve(options.cwd, options.modelsDir);
  return findServed(settings, { folder, cwd: options.cwd }, (names) => fetch(names, options), warn);
}

/** The names of the models on this machine that a gateway with these settings serves. Downloads none. Throws the errors of `resolveModel`. */
export async function nameServed(
  { model, onDemand, adapters, modelsDir }: NamedModels & Pick<Config, "modelsDir">,
  cwd: string,
): Promise<readonly Pick<LocalModel, "id" | "aliases">[]> {
  const named = await resolveModels([...model, ...onDemand.filter((name) => name !== DOWNLOADED)], cwd);
  const downloaded = onDemand.includes(DOWNLOADED)
    ? await listDownloaded(await loadCatalogue(), resolve(cwd, modelsDir))
    : { models: [] };
  const byId = new Map([...downloaded.models, ...named].map((each) => [each.id.toLowerCase(), each]));
  const models = [...byId.values()];
  return [...models, ...adapterNames(adapters, models)];
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
  const view = showProgress(stderr, nameOf(reference));
  try {
    return await ensureModel(reference, {
      modelsDir: resolve(options.cwd, options.modelsDir),
      env,
      signal,
      onProgress: view.update,
      onChoice: (why) => void stderr.write(`${nameOf(reference)}: ${why}.\n`),
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

/** A model as it was asked for, while its quantization isn't chosen yet. */
function nameOf(reference: ModelReference): string {
  const source = reference.type === "remote" ? reference.sources[0] : undefined;
  return source?.type === "hub" && source.isOpen === true ? source.uri : reference.id;
}
