import type { Backend } from "../generation/backend.ts";
import { ModelNotFoundError } from "../generation/errors.ts";
import type { Preset } from "./preset.ts";

/** What begins the name of a preset where a model's name is expected. */
export const PRESET_PREFIX = "preset/";

/** A preset as requests name it. */
export type PresetReference = { readonly id: string; readonly version: string | undefined };

/** Understands `preset/NAME` and `preset/NAME@VERSION`, with Ollama's `:latest` or without; undefined for the name of a model. */
export function parseReference(model: string): PresetReference | undefined {
  if (!model.toLowerCase().startsWith(PRESET_PREFIX)) return undefined;
  const [id = "", ...version] = model
    .slice(PRESET_PREFIX.length)
    .replace(/:latest$/i, "")
    .split("@");
  return { id: id.toLowerCase(), version: version.length === 0 ? undefined : version.join("@") };
}

/** The model that answers for a preset: the first of its own that is served. Throws `ModelNotFoundError` where none is. */
export function modelBehind(preset: Preset, served: readonly Backend[]): Backend {
  const found = findModelBehind(preset, served);
  if (found !== undefined) return found;
  const wanted = preset.models.length === 0 ? "a model that writes text" : preset.models.join(", ");
  throw new ModelNotFoundError(
    `${PRESET_PREFIX}${preset.id} (needs ${wanted})`,
    served.map(({ id }) => id),
  );
}

/** As `modelBehind`; undefined where none is served. */
export function findModelBehind(preset: Preset, served: readonly Backend[]): Backend | undefined {
  if (preset.models.length === 0) return served.find(({ can }) => can.text);
  const answersTo = (model: Backend, name: string) =>
    [model.id, ...model.aliases].some((own) => own.toLowerCase() === name.toLowerCase());
  return preset.models
    .map((name) => served.find((model) => answersTo(model, name)))
    .find((model) => model !== undefined);
}
