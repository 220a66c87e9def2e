import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { DEFAULT_FILE, type LoadedConfig, loadConfig } from "../config/load.ts";
import { SHIPPED_FOLDER } from "../prompts/index.ts";
import type { CliContext } from "./context.ts";

/** The folder of models of the package or checkout. */
const OWN_MODELS = fileURLToPath(new URL("../../models", import.meta.url));

/**
 * Settings for a command in a folder that others may have written: no settings file, presets or models are taken from it unless they are named.
 * Says on stderr if there is a settings file. Throws a ConfigError.
 */
export function loadForeign(
  given: Pick<Parameters<typeof loadConfig>[0], "flags" | "env" | "cwd">,
  { stderr }: Pick<CliContext, "stderr">,
): LoadedConfig {
  const loaded = loadConfig({ ...given, takesDefaultFile: false });
  const { config, origins, file } = loaded;
  if (file === undefined && existsSync(join(given.cwd, DEFAULT_FILE))) {
    stderr.write(
      `The ${DEFAULT_FILE} in this folder isn't read, since others may have written it. To read it: --config ${DEFAULT_FILE}\n`,
    );
  }
  return {
    ...loaded,
    config: {
      ...config,
      modelsDir: origins.modelsDir.source === "default" ? OWN_MODELS : config.modelsDir,
      promptsDir: origins.promptsDir.source === "default" ? SHIPPED_FOLDER : config.promptsDir,
    },
  };
}
