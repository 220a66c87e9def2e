import { type Command, Option } from "commander";
import { CONFIG_VARIABLE } from "../config/environment.ts";
import { formerSettings } from "../config/former.ts";
import { settingGroups } from "../config/groups.ts";
import { alternatives, entrySchema, type Setting, settings, type ValueSchema } from "../config/settings.ts";

/** The option that names the settings file. */
export const CONFIG_OPTION = [
  "--config <file>",
  `settings file (env ${CONFIG_VARIABLE}, default sluice.yaml if it exists)`,
] as const;

type SettingOptions = {
  /** Replace a setting's own, where it means something else to the command. */
  readonly descriptions?: Readonly<Partial<Record<Setting["key"], string>>>;
  /** The heading of all of them in the help; if absent, they are options like others. */
  readonly group?: string;
  /** Whether `--config` is added, too; true if absent. */
  readonly hasFile?: boolean;
};

/** Adds the flags of these settings to a command, and their former names, hidden from the help. */
export function addSettingOptions(
  command: Command,
  keys: readonly Setting["key"][],
  { descriptions = {}, group, hasFile = true }: SettingOptions = {},
): void {
  const add = (option: Option) => command.addOption(group === undefined ? option : option.helpGroup(group));
  for (const setting of settings) {
    if (!keys.includes(setting.key)) continue;
    const description = descriptions[setting.key] ?? setting.description;
    for (const option of makeOptions({ ...setting, description })) add(option);
    for (const former of formerSettings.filter(({ key }) => key === setting.key))
      for (const option of makeOptions(former)) command.addOption(option.hideHelp());
  }
  if (hasFile) add(new Option(...CONFIG_OPTION));
}

/** Adds the flags of all settings, in their groups. */
export function addAllSettings(command: Command): void {
  command.addOption(new Option(...CONFIG_OPTION));
  for (const { title, settings: grouped } of settingGroups) {
    const keys = grouped.map(({ key }) => key);
    addSettingOptions(command, keys, { group: `${title}:`, hasFile: false });
  }
}

/** A boolean setting has a flag for each value. Options have no defaults here, because the settings have them. */
function makeOptions(setting: Setting): readonly Option[] {
  const { flag, isBoolean, isList, valueSchema, variable, defaultValue } = setting;
  const off = isBoolean && defaultValue === true ? `; turn it off with ${flag.replace("--", "--no-")}` : "";
  const help = `${setting.description} (env ${variable}, default ${showDefault(defaultValue)}${off})`;
  if (isBoolean) return [new Option(flag, help), new Option(flag.replace("--", "--no-")).hideHelp()];
  const word = flag.split("-").at(-1)?.replace(/s$/, "") ?? "value";
  const place = valueSchema.placeholder ?? describeValue(isList ? entrySchema(valueSchema) : valueSchema, word);
  // Commander takes the first of two names for a short form; both are read.
  const names = valueSchema.singular === undefined ? flag : `${valueSchema.singular}, ${flag}`;
  const option = new Option(`${names} <${place}>`, help);
  if (isList) option.argParser((text: string, before: readonly string[] | undefined) => [...(before ?? []), text]);
  return [option];
}

/** The placeholder of the value in the help: `number`, `auto|number`, `auto|off|cuda`; for text, the last word of the flag. */
function describeValue(schema: ValueSchema, word: string): string {
  return alternatives(schema)
    .filter(({ const: only }) => only !== "")
    .map((choice) => {
      if (choice.const !== undefined) return String(choice.const);
      if (choice.enum !== undefined) return choice.enum.join("|");
      return choice.type === "integer" || choice.type === "number" ? "number" : word;
    })
    .join("|");
}

function showDefault(value: unknown): string {
  if (value === "") return "none";
  if (!Array.isArray(value)) return String(value);
  return value.length === 0 ? "none" : value.join(",");
}
