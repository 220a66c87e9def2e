import { settingGroups } from "../../src/config/groups.ts";
import { alternatives, type Setting } from "../../src/config/settings.ts";

const INTRODUCTION = `# Settings

This page is generated from the schema of the settings (\`npm run docs:settings\`); \`sluice serve --help\` says the same.

Flags override environment variables, which override the settings file, which overrides the defaults. The file is \`sluice.yaml\` in the folder that Sluice is started from, or the one that \`--config\` or \`SLUICE_CONFIG\` names; [sluice.example.yaml](../sluice.example.yaml) is a template with all settings.
\`sluice config\` prints the settings in effect and where each value comes from. Relative paths begin at the folder that Sluice is started from.

- **Lists** are written with commas in a variable, as a list in the file, and by a flag for each entry: \`--model a --model b\`.
- **Switches** have two flags, such as \`--pages\` and \`--no-pages\`, and are \`true\` or \`false\` elsewhere.
- **An unknown name** or a wrong value ends the start with exit code 2; all of them are listed, with the line and what is allowed.
- **While it runs**, most settings are taken over by \`sluice reload\`; it says which need a restart ([reloading](operations.md#reloading)).
- **For one model only**: \`--per-model gemma-3-270m.slots=2\`, or a section \`perModel\` in the file.

The last column has the value that turns a thing off that is on by default.
`;

/** The whole page. */
export function renderSettingsPage(): string {
  const sections = settingGroups.map(({ title, settings }) => {
    const rows = settings.map(renderRow);
    const head = "| flag | variable | in the file | default | what it does | off |\n|---|---|---|---|---|---|";
    return `## ${title}\n\n${head}\n${rows.join("\n")}\n`;
  });
  return `${[INTRODUCTION, ...sections].join("\n").trimEnd()}\n`;
}

function renderRow(setting: Setting): string {
  const { flag, variable, key, description, allowed, defaultValue, valueSchema } = setting;
  const flags = valueSchema.singular === undefined ? `\`${flag}\`` : `\`${flag}\`, \`${valueSchema.singular}\``;
  const meaning = `${escapeCell(description)}. *Give ${escapeCell(allowed)}.*`;
  const cells = [flags, `\`${variable}\``, `\`${key}\``, showDefault(defaultValue), meaning, turnOff(setting)];
  return `| ${cells.join(" | ")} |`;
}

function showDefault(value: unknown): string {
  if (value === "" || (Array.isArray(value) && value.length === 0)) return "none";
  return Array.isArray(value) ? value.join(", ") : String(value);
}

/** What to write so that it does nothing; empty if it does nothing by default, or can't be turned off. */
function turnOff({ flag, isBoolean, defaultValue, description, valueSchema }: Setting): string {
  if (isBoolean) return defaultValue === true ? `\`${flag.replace("--", "--no-")}\`` : "";
  const choices = alternatives(valueSchema).flatMap((each) => [...(each.enum ?? []), each.const]);
  if (choices.includes("off")) return defaultValue === "off" ? "" : "`off`";
  const says = /(?:; |, )(?:with )?0,? (?:keeps|caches|estimates|compares|never|means)/.test(description);
  return says && defaultValue !== 0 ? "`0`" : "";
}

function escapeCell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("*", "\\*").replaceAll("<", "&lt;");
}
