import { resolve } from "node:path";
import { type Flags, type LoadedConfig, loadConfig } from "../config/load.ts";
import type { ReadSettings } from "../gateway/reload.ts";
import { findModel, type LocalModel, type ModelReference } from "../models/index.ts";
import { shellCommand } from "../version.ts";
import type { CliContext } from "./context.ts";
import { CommandError } from "./errors.ts";
import { findServed, resolveModels } from "./fetch-models.ts";

/**
 * Reads the settings again, for a gateway that runs, and finds their models on the disk. Throws a `ConfigError`, the errors of `resolveModel` and
 * `findModel`, and a `CommandError` for a model that is not downloaded: a reload does not wait for downloads.
 */
export async function readSettings(
  flags: Flags,
  { env, cwd }: Pick<CliContext, "env" | "cwd">,
  warn: (message: string) => void,
): Promise<ReadSettings> {
  const { config, warnings } = loadConfig({ flags, env, cwd });
  for (const warning of warnings) warn(warning);
  const folder = resolve(cwd, config.modelsDir);
  const find = async (names: readonly string[]) => {
    const references = await resolveModels(names, cwd);
    const models = await Promise.all(references.map((reference) => findDownloaded(reference, folder)));
    return [...new Map(models.map((model) => [model.id, model])).values()];
  };
  const { models, onDemand } = await findServed(config, { folder, cwd }, find, warn);
  return { config, models: [...models, ...onDemand.map((model) => ({ ...model, isOnDemand: true }))] };
}

async function findDownloaded(reference: ModelReference, folder: string): Promise<LocalModel> {
  const model = await findModel(reference, folder);
  if (model !== undefined) return model;
  throw new CommandError(
    `model: ${reference.id} is not downloaded. Run \`${shellCommand(`pull ${reference.id}`)}\` first, and reload again.`,
  );
}

/** The files that the settings are in: their own, and those with keys and certificates of upstreams. */
export function settingsFiles({ config, file }: Pick<LoadedConfig, "config" | "file">, cwd: string): readonly string[] {
  const ofUpstreams = config.upstreams.flatMap(({ apiKeyFile, tls }) => [apiKeyFile, tls.caFile]);
  return [file, ...ofUpstreams].filter((path) => path !== undefined).map((path) => resolve(cwd, path));
}
