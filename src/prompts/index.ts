import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { type FolderPresets, openPresetLibrary, type PresetLog } from "./library.ts";
import { watchFolder } from "./watch.ts";

/** The setting's default. */
const DEFAULT_FOLDER = "prompts";

/** The package's root is two folders above this file, both in `src/prompts` and in `dist/prompts`. */
export const SHIPPED_FOLDER = fileURLToPath(new URL("../../prompts", import.meta.url));

/** Presets that are reloaded when their folder changes, until closed. */
export type LivePresets = FolderPresets & { readonly close: () => void };

/** The folder of presets. If the setting has its default and the folder doesn't exist, it is the folder that comes with Sluice. */
export function presetFolder(promptsDir: string, cwd = process.cwd()): string {
  const folder = resolve(cwd, promptsDir);
  return promptsDir === DEFAULT_FOLDER && !existsSync(folder) ? SHIPPED_FOLDER : folder;
}

/**
 * Reads the presets of the folder, and reloads them when it changes. `onChange` gets the ids of added and changed presets. Throws
 * `PresetError`.
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
