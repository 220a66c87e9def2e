import { existsSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { createFiles, type FilesOptions } from "../../src/files/files.ts";
import { type FolderOptions, openFileFolder } from "../../src/files/folder.ts";
import type { State } from "../../src/store/state.ts";

/** Files beside a state file. */
export function openTestFiles(
  stateFile: string,
  state: State,
  options: Partial<FilesOptions> & Partial<Pick<FolderOptions, "pid" | "isAlive">> = {},
) {
  const { pid = 1, isAlive = () => false, now = Date.now } = options;
  const folder = openFileFolder({ stateFile, now, pid, isAlive });
  return createFiles({ maxFileBytes: 1e6, maxTenantBytes: 1e6, ...options, folder, index: state.fileIndex, now });
}

/** The names in the folder of files. */
export function namesBeside(stateFile: string): readonly string[] {
  const folder = join(dirname(stateFile), "files");
  return existsSync(folder) ? readdirSync(folder) : [];
}

export async function* bytesOf(...texts: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield new TextEncoder().encode(text);
}
