import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { coerceFlag } from "./coerce.ts";
import { CONFIG_VARIABLE, readEnvironment } from "./environment.ts";
import { type ReadFile, readConfigFile } from "./file.ts";
import { formerSettings, replaceFormerNames } from "./former.ts";
import { ConfigError, describeIssues } from "./problems.ts";
import { type Config, configSchema } from "./schema.ts";
import { type Origin, settings, type Written, whereOf } from "./settings.ts";

/** Taken from the working folder when no other file is named. */
export const DEFAULT_FILE = "sluice.yaml";

/** What the command line held, by the setting's key; `config` names the file. */
export type Flags = Readonly<Record<string, string | boolean | readonly string[] | undefined>>;

export type LoadedConfig = {
  readonly config: Config;
  readonly origins: Readonly<Record<keyof Config, Origin>>;
  /** The configuration file that was read, as the user named it. */
  readonly file: string | undefined;
  /** What to write in the place of former names, a sentence for each. */
  readonly warnings: readonly string[];
};

/**
 * Puts the settings together: a flag goes before a variable, a variable before the file, the file before the default. The file is
 * `flags.config`, else `SLUICE_CONFIG`, else `sluice.yaml` in `cwd` where there is one, unless
 * `takesDefaultFile` is false.
 *
 * Throws a ConfigError that names every value that is wrong, those that something else overrides included: each was meant.
 */
export function loadConfig(input: {
  readonly flags: Flags;
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  readonly takesDefaultFile?: boolean;
  readonly readFile?: ReadFile;
}): LoadedConfig {
  const file = configFile(input);
  const fromFile = file === undefined ? undefined : readConfigFile(resolve(input.cwd, file), file, input.readFile);
  const fromEnvironment = readEnvironment(input.env);

  // From the weakest to the strongest: each layer covers the one before it.
  const written: readonly Written[] = [
    ...(fromFile?.found ?? []).map(({ setting, value, line }) => ({
      setting,
      value,
      origin: { source: "file", path: file ?? "", line } as const,
    })),
    ...fromEnvironment.found.map(({ setting, value }) => ({
      setting,
      value,
      origin: { source: "environment", name: setting.variable } as const,
    })),
    ...[...settings, ...formerSettings].flatMap((setting) => {
      const given = input.flags[setting.name];
      if (given === undefined) return [];
      return { setting, value: coerceFlag(given, setting), origin: { source: "flag", name: setting.flag } as const };
    }),
  ];

  const problems = [...(fromFile?.problems ?? []), ...fromEnvironment.problems, ...written.flatMap(findProblems)];
  if (problems.length > 0) throw new ConfigError(problems);

  const renamed = replaceFormerNames(written);
  if (renamed.problems.length > 0) throw new ConfigError(renamed.problems);
  const byKey = new Map(renamed.written.map((entry) => [entry.setting.key, entry]));
  const values = Object.fromEntries([...byKey].map(([key, { value }]) => [key, value]));
  const origins = Object.fromEntries(
    settings.map(({ key }) => [key, byKey.get(key)?.origin ?? ({ source: "default" } as const)]),
  );
  const { warnings } = renamed;
  const config = withoutIdleModel(configSchema.parse(values), byKey.has("model"));
  if (config.model.length + config.onDemand.length + config.upstreams.length === 0) {
    throw new ConfigError([
      "There is nothing to serve: model, onDemand and upstreams are all empty. Give --model, --on-demand or --upstream.",
    ]);
  }
  return { config, origins: origins as Record<keyof Config, Origin>, file, warnings };
}

/** Whoever names only upstreams or models on demand wants no other model. */
function withoutIdleModel(config: Config, isModelGiven: boolean): Config {
  return isModelGiven || config.upstreams.length + config.onDemand.length === 0 ? config : { ...config, model: [] };
}

function configFile({
  flags,
  env,
  cwd,
  takesDefaultFile = true,
}: Parameters<typeof loadConfig>[0]): string | undefined {
  const named = flags.config ?? (env[CONFIG_VARIABLE] || undefined);
  if (typeof named === "string") return named;
  return takesDefaultFile && existsSync(resolve(cwd, DEFAULT_FILE)) ? DEFAULT_FILE : undefined;
}

function findProblems({ setting, value, origin }: Written): readonly string[] {
  const where = whereOf({ setting, origin });
  // The schema would take the default for it.
  if (value === undefined || value === null) return describeIssues(where, setting, value, [{ path: [] }]);
  const result = configSchema.shape[setting.key].safeParse(value);
  return result.success ? [] : describeIssues(where, setting, value, result.error.issues);
}
