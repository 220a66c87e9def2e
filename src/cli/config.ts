import { type Flags, loadConfig } from "../config/load.ts";
import { describeOrigin, type Setting, settings } from "../config/settings.ts";
import { type CliContext, EXIT } from "./context.ts";
import { formatTable } from "./table.ts";

/** `sluice config`: prints every setting in force and where its value came from, as a table or as JSON. Throws a ConfigError. */
export function config(flags: Flags, context: CliContext): number {
  const loaded = loadConfig({ flags, env: context.env, cwd: context.cwd });
  for (const warning of loaded.warnings) context.stderr.write(`${warning}\n`);
  if (flags.json === true) {
    const entries = settings.map((setting) => [
      setting.key,
      { value: hideSecret(loaded.config[setting.key], setting), from: describeOrigin(loaded.origins[setting.key]) },
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

/** Secrets are not printed; the output says only whether they are set. */
function hideSecret(value: unknown, setting: Setting): unknown {
  return setting.isSecret && value !== setting.defaultValue ? "[redacted]" : value;
}

function showValue(value: unknown, setting: Setting): string {
  if (value === "") return "(none)";
  if (setting.isSecret) return String(hideSecret(value, setting));
  if (!setting.isList || !Array.isArray(value)) return String(value);
  return value.length === 0 ? "(none)" : value.join(", ");
}
