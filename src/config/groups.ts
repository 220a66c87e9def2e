import { schemaGroups } from "./schema.ts";
import { type Setting, settings } from "./settings.ts";

/** Settings that belong together, as the help and the documents show them. */
type SettingGroup = { readonly title: string; readonly settings: readonly Setting[] };

/** Every setting, once, by what it is about. */
export const settingGroups: readonly SettingGroup[] = Object.entries(schemaGroups).map(([title, fields]) => ({
  title,
  settings: settings.filter(({ key }) => Object.hasOwn(fields, key)),
}));
