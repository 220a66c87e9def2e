/** What begins the name of a preset where a model's name is expected. */
export const PRESET_PREFIX = "preset/";

/** A preset as requests name it. */
export type PresetReference = { readonly id: string; readonly version: string | undefined };

/** Understands `preset/NAME` and `preset/NAME@VERSION`; undefined for the name of a model. */
export function parseReference(model: string): PresetReference | undefined {
  if (!model.toLowerCase().startsWith(PRESET_PREFIX)) return undefined;
  const [id = "", ...version] = model.slice(PRESET_PREFIX.length).split("@");
  return { id: id.toLowerCase(), version: version.length === 0 ? undefined : version.join("@") };
}
