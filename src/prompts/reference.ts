import type { Backend } from "../generation/backend.ts";
import { ModelNotFoundError } from "../generation/errors.ts";
import type { Preset } from "./preset.ts";

/** The prefix of a preset's name where a model's name is expected. */
export const PRESET_PREFIX = "preset/";

/** A request's reference to a preset. */
export type PresetReference = { readonly id: string; readonly version: string | undefined };

/** Decodes `preset/NAME` and `preset/NAME@VERSION`, with or without Ollama's `:latest`; undefined for a model's name. */
export function parseReference(model: string): PresetReference | undefined {
  if (!model.toLowerCase().startsWith(PRESET_PREFIX)) return undefined;
  const [id = "", ...version] = model
    .slice(PRESET_PREFIX.length)
    .replace(/:latest$/i, "")
    .split("@");
  return { id: id.toLowerCase(), version: version.length === 0 ? undefined : version.join("@") };
}

/** The model that answers for a preset: the first of its models that is served. Throws `ModelNotFoundError` if none is. */
export function modelBehind(preset: Preset, served: readonly Backend[]): Backend {
  const found = findModelBehind(preset, served);
  if (found !== undefined) return found;
  const wanted = preset.models.length === 0 ? "a model that generates text" : preset.models.join(", ");
  throw new ModelNotFoundError(
    `${PRESET_PREFIX}${preset.id} (needs ${wanted})`,
    served.map(({ id }) => id),
  );
}

/** As `modelBehind`; undefined if none is served. */
export function findModelBehind(preset: Preset, all: readonly Backend[]): Backend | undefined {
  const served = preset.localOnly ? all.filter(({ upstream }) => upstream === undefined || upstream.isLocal) : all;
  if (preset.models.length === 0) return served.find(({ can }) => can.text);
  const answersTo = (model: Backend, name: string) =>
    [model.id, ...model.aliases].some((own) => own.toLowerCase() === name.toLowerCase());
  return preset.models
    .map((name) => served.find((model) => answersTo(model, name)))
    .find((model) => model !== undefined);
}
