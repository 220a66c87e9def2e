import { existsSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Readable } from "node:stream";
import { createFiles, type FilesOptions } from "../../src/files/files.ts";
import { type FileFolder, openFileFolder } from "../../src/files/folder.ts";
import type { State } from "../../src/store/state.ts";

/** Files beside a state file. */
export function openTestFiles(stateFile: string, state: State, options: Partial<FilesOptions> = {}) {
  const { now = Date.now } = options;
  const folder = openFileFolder({ stateFile, now });
  /** What was opened to be read. */
  const opened: Readable[] = [];
  const watched: FileFolder = {
    ...folder,
    async read(id) {
      const stream = await folder.read(id);
      if (stream !== undefined) opened.push(stream);
      return stream;
    },
  };
  const bounds = { maxFileBytes: 1e6, maxTenantBytes: 1e6 };
  const files = createFiles({ ...bounds, ...options, folder: watched, index: state.fileIndex, now });
  return { ...files, opened };
}

/** The names in the folder of files. */
export function namesBeside(stateFile: string): readonly string[] {
  const folder = join(dirname(stateFile), "files");
  return existsSync(folder) ? readdirSync(folder) : [];
}

/** Resolves when none of them holds its file open any more. */
export async function allClosed(streams: readonly Readable[]): Promise<void> {
  await Promise.all(streams.map((stream) => stream.closed || new Promise((closed) => stream.once("close", closed))));
}

export async function* bytesOf(...texts: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield new TextEncoder().encode(text);
}
