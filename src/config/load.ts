import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { coerceFlag } from "./coerce.ts";
import { CONFIG_VARIABLE, readEnvironment } from "./environment.ts";
import { type ReadFile, readConfigFile } from "./file.ts";
import { ConfigError, describeIssues } from "./problems.ts";
import { type Config, configSchema } from "./schema.ts";
import { type Setting, settings } from "./settings.ts";

/** Taken from the working folder when no other file is named. */
const DEFAULT_FILE = "sluice.yaml";

/** Where a setting's value came from. */
export type Origin =
  | { readonly source: "flag"; readonly name: string }
  | { readonly source: "environment"; readonly name: string }
  | { readonly source: "file"; readonly path: string; readonly line: number }
  | { readonly source: "default" };

/** What the command line held, by the setting's key; `config` names the file. */
export type Flags = Readonly<Record<string, string | boolean | readonly string[] | undefined>>;

export type LoadedConfig = {
  readonly config: Config;
  readonly origins: Readonly<Record<keyof Config, Origin>>;
  /** The configuration file that was read, as the user named it. */
  readonly file: string | undefined;
};

/** A value that somebody wrote, before the schema has seen it. */
type Written = { readonly setting: Setting; readonly value: unknown; readonly origin: Origin };

/**
 * Puts the settings together: a flag goes before a variable, a variable before the file, the file before the default. The file is
 * `flags.config`, else `SLUICE_CONFIG`, else `sluice.yaml` in `cwd` where there is one.
 *
 * Throws a ConfigError that names every value that is wrong, those that something else overrides included: each was meant.
 */
export function loadConfig(input: {
  readonly flags: Flags;
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
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
    ...settings.flatMap((setting) => {
      const given = input.flags[setting.key];
      if (given === undefined) return [];
      return { setting, value: coerceFlag(given, setting), origin: { source: "flag", name: setting.flag } as const };
    }),
  ];

  const problems = [...(fromFile?.problems ?? []), ...fromEnvironment.problems, ...written.flatMap(findProblems)];
  if (problems.length > 0) throw new ConfigError(problems);

  const byKey = new Map(written.map((entry) => [entry.setting.key, entry]));
  const values = Object.fromEntries([...byKey].map(([key, { value }]) => [key, value]));
  const origins = Object.fromEntries(
    settings.map(({ key }) => [key, byKey.get(key)?.origin ?? ({ source: "default" } as const)]),
  );
  return { config: configSchema.parse(values), origins: origins as Record<keyof Config, Origin>, file };
}

/** Where a value came from, in words: `SLUICE_PORT`, `sluice.yaml:3`, `default`. */
export function describeOrigin(origin: Origin): string {
  switch (origin.source) {
    case "flag":
    case "environment":
      return origin.name;
    case "file":
      return `${origin.path}:${origin.line}`;
    case "default":
      return "default";
  }
}

function configFile({ flags, env, cwd }: { flags: Flags; env: NodeJS.ProcessEnv; cwd: string }): string | undefined {
  const named = flags.config ?? (env[CONFIG_VARIABLE] || undefined);
  if (typeof named === "string") return named;
  return existsSync(resolve(cwd, DEFAULT_FILE)) ? DEFAULT_FILE : undefined;
}

function findProblems({ setting, value, origin }: Written): readonly string[] {
  const where = origin.source === "file" ? `${describeOrigin(origin)}: ${setting.key}` : describeOrigin(origin);
  // The schema would take the default for it.
  if (value === undefined || value === null) return describeIssues(where, setting, value, [{ path: [] }]);
  const result = configSchema.shape[setting.key].safeParse(value);
  return result.success ? [] : describeIssues(where, setting, value, result.error.issues);
}
