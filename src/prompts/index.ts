import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { openPresetLibrary, type PresetLibrary, type PresetLog } from "./library.ts";
import { watchFolder } from "./watch.ts";

/** The setting's default. */
const DEFAULT_FOLDER = "prompts";

/** Two folders up from this file lies the package's root, be it run from `src/prompts` or from `dist/prompts`. */
const SHIPPED_FOLDER = fileURLToPath(new URL("../../prompts", import.meta.url));

/** Presets that follow their folder until they are closed. */
export type LivePresets = PresetLibrary & { readonly close: () => void };

/** The folder of presets: the one that comes with Sluice where the setting is left alone and there is none here. */
export function presetFolder(promptsDir: string, cwd = process.cwd()): string {
  const folder = resolve(cwd, promptsDir);
  return promptsDir === DEFAULT_FOLDER && !existsSync(folder) ? SHIPPED_FOLDER : folder;
}

/**
 * Reads the presets of the setting's folder, and again whenever something changes there; `onChange` is then told the ids of those that were
 * added or changed. Throws `PresetError`.
 */
export async function openPresets(
  promptsDir: string,
  log: PresetLog,
  onChange?: (ids: readonly string[]) => void,
): Promise<LivePresets> {
  const folder = presetFolder(promptsDir);
  const library = await openPresetLibrary({ folder, shownFolder: promptsDir, log, ...(onChange && { onChange }) });
  const close = watchFolder({
    folder,
    onChange: () => void library.reload(),
    onError: (error) => log.error({ err: error }, "the folder of presets can't be watched: changes need a restart"),
  });
  return { ...library, close };
}
