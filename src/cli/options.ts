import { type Command, Option } from "commander";
import { CONFIG_VARIABLE } from "../config/environment.ts";
import { formerSettings } from "../config/former.ts";
import { alternatives, entrySchema, type Setting, settings, type ValueSchema } from "../config/settings.ts";

/**
 * Adds the flags of these settings (by default all) to a command, their former names, hidden from the help, and `--config`. `descriptions`
 * replaces a setting's own, where it means something else to the command.
 */
export function addSettingOptions(
  command: Command,
  keys?: readonly Setting["key"][],
  descriptions: Readonly<Partial<Record<Setting["key"], string>>> = {},
): void {
  for (const setting of settings) {
    if (keys !== undefined && !keys.includes(setting.key)) continue;
    const description = descriptions[setting.key] ?? setting.description;
    for (const option of makeOptions({ ...setting, description })) command.addOption(option);
    for (const former of formerSettings.filter(({ key }) => key === setting.key))
      for (const option of makeOptions(former)) command.addOption(option.hideHelp());
  }
  command.option("--config <file>", `settings file (env ${CONFIG_VARIABLE}, default sluice.yaml if it exists)`);
}

/** Flags whose setting is on by default; the help shows the form that turns them off. */
const SWITCHED_ON: ReadonlySet<string> = new Set(
  settings.filter(({ isBoolean, defaultValue }) => isBoolean && defaultValue === true).map(({ flag }) => flag),
);

/** How the help shows an option: `--port <number>`, `--[no-]warm-presets`. */
export function optionTerm({ flags }: Option): string {
  return SWITCHED_ON.has(flags) ? flags.replace("--", "--[no-]") : flags;
}

/** A boolean setting has a flag for each value. Options have no defaults here, because the settings have them. */
function makeOptions(setting: Setting): readonly Option[] {
  const { flag, isBoolean, isList, valueSchema, variable, defaultValue } = setting;
  const help = `${setting.description} (env ${variable}, default ${showDefault(defaultValue)})`;
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
