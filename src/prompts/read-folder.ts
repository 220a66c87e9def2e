import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { readRegularFile } from "../read-file.ts";
import { PresetError } from "./preset.ts";

export const EVALUATION_ENDING = ".eval.yaml";

const PRESET_ENDING = ".yaml";
const MAX_FILES = 1_000;
const MAX_FILE_BYTES = 512 * 1024;

/** A preset file. */
type PresetText = {
  readonly path: string;
  /** The file name without its extension. */
  readonly name: string;
  readonly modifiedUnixSeconds: number;
  readonly text: string;
};

/** A file, or why it could not be read. */
export type ReadResult = PresetText | { readonly path: string; readonly name: string; readonly error: PresetError };

/**
 * Reads the preset files in `folder`, sorted by name. An unreadable file is one of the results. Throws `PresetError` if the folder is
 * unreadable or has too many presets. `shownFolder` is for messages.
 */
export async function readPresetFolder(folder: string, shownFolder: string): Promise<readonly ReadResult[]> {
  const names = await listFolder(folder, shownFolder);
  const files = names.filter((name) => name.endsWith(PRESET_ENDING) && !name.endsWith(EVALUATION_ENDING)).sort();
  if (files.length > MAX_FILES) {
    throw new PresetError([`${shownFolder}: has ${files.length} presets, but at most ${MAX_FILES} are allowed.`]);
  }
  return Promise.all(
    files.map(async (file) => {
      const path = join(shownFolder, file);
      const name = file.slice(0, -PRESET_ENDING.length);
      try {
        return { path, name, ...(await readBounded(join(folder, file), path)) };
      } catch (error) {
        return { path, name, error: error instanceof PresetError ? error : unreadable(path, error) };
      }
    }),
  );
}

/** Reads a file of at most 512 KiB. `shownPath` is for messages. Throws `PresetError`. */
export async function readBounded(
  path: string,
  shownPath: string,
): Promise<{ readonly text: string; readonly modifiedUnixSeconds: number }> {
  try {
    const { bytes, stats } = await readRegularFile(path, MAX_FILE_BYTES);
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return { text, modifiedUnixSeconds: Math.floor(stats.mtimeMs / 1000) };
  } catch (error) {
    throw unreadable(shownPath, error);
  }
}

async function listFolder(folder: string, shownFolder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    throw unreadable(shownFolder, error);
  }
}

function unreadable(path: string, error: unknown): PresetError {
  return new PresetError([`${path}: can't be read: ${error instanceof Error ? error.message : String(error)}`]);
}
