import { type Flags, loadConfig } from "../config/load.ts";
import type { Config } from "../config/schema.ts";
import { describeOrigin, type Setting, settings } from "../config/settings.ts";
import { describeUpstream } from "../config/upstreams.ts";
import { UnknownModelError } from "../models/index.ts";
import { type CliContext, EXIT } from "./context.ts";
import { checkNamedModels } from "./doctor/settings.ts";
import { resolveModels } from "./fetch-models.ts";
import { formatTable } from "./table.ts";

/**
 * `sluice config`: prints every setting in force and where its value came from, as a table or as JSON; problems with models' names go to stderr.
 * With `--check` it prints only whether a gateway can start with them. Throws a ConfigError.
 */
export async function config(flags: Flags, context: CliContext): Promise<number> {
  const loaded = loadConfig({ flags, env: context.env, cwd: context.cwd });
  for (const warning of loaded.warnings) context.stderr.write(`${warning}\n`);
  const problems = await findModelProblems(loaded.config, context);
  for (const problem of problems) context.stderr.write(`Sluice can't start with these settings: ${problem}\n`);
  if (flags.check === true) {
    if (flags.json === true) context.stdout.write(`${JSON.stringify({ problems }, null, 2)}\n`);
    else if (problems.length === 0) context.stdout.write(`${loaded.file ?? "The settings"}: valid\n`);
    return problems.length === 0 ? EXIT.done : EXIT.failed;
  }
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
    showValue(loaded.config, setting),
    describeOrigin(loaded.origins[setting.key]),
  ]);
  context.stdout.write(formatTable([["SETTING", "VALUE", "FROM"], ...rows]));
  return EXIT.done;
}

async function findModelProblems(config: Config, { cwd }: CliContext): Promise<readonly string[]> {
  try {
    const models = await resolveModels(config.model, cwd);
    return checkNamedModels(config, models)
      .filter(({ level }) => level === "problem")
      .map(({ message, advice = "" }) => `${message.replace(/\.$/, "")}. ${advice}`);
  } catch (error) {
    if (error instanceof UnknownModelError) return [error.message];
    throw error;
  }
}

/** Secrets are not printed; the output says only whether they are set. */
function hideSecret(value: unknown, setting: Setting): unknown {
  return setting.isSecret && value !== setting.defaultValue ? "[redacted]" : value;
}

function showValue(config: Config, setting: Setting): string {
  const value: unknown = config[setting.key];
  if (value === "") return "(none)";
  if (setting.isSecret) return String(hideSecret(value, setting));
  if (!setting.isList || !Array.isArray(value)) return String(value);
  if (value.length === 0) return "(none)";
  return setting.key === "upstreams"
    ? config.upstreams.map(describeUpstream).join(", ")
    : value.map(showEntry).join(", ");
}

function showEntry(entry: unknown): string {
  return typeof entry === "object" ? JSON.stringify(entry) : String(entry);
}
