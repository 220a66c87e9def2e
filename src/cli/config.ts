import { describeOrigin, type Flags, loadConfig } from "../config/load.ts";
import { type Setting, settings } from "../config/settings.ts";
import { type CliContext, EXIT } from "./context.ts";
import { formatTable } from "./table.ts";

/** `sluice config`: prints every setting in force and where its value came from, as a table or as JSON. Throws a ConfigError. */
export function config(flags: Flags, context: CliContext): number {
  const loaded = loadConfig({ flags, env: context.env, cwd: context.cwd });
  if (flags.json === true) {
    const entries = settings.map(({ key }) => [
      key,
      { value: loaded.config[key], from: describeOrigin(loaded.origins[key]) },
    ]);
    context.stdout.write(`${JSON.stringify(Object.fromEntries(entries), null, 2)}\n`);
    return EXIT.done;
  }
  const rows = settings.map((setting) => [
    setting.key,
    showValue(loaded.config[setting.key], setting),
    describeOrigin(loaded.origins[setting.key]),
  ]);
  context.stdout.write(formatTable([["SETTING", "VALUE", "FROM"], ...rows]));
  return EXIT.done;
}

function showValue(value: unknown, setting: Setting): string {
  if (!setting.isList || !Array.isArray(value)) return String(value);
  return value.length === 0 ? "(none)" : value.join(", ");
}
