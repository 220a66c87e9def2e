import { mkdtempSync, rmSync } from "node:fs";
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import type { Readable } from "node:stream";
import { describeFolderFailure } from "../store/errors.ts";

/** The folder with the bytes of stored files, each under its id. Calls throw `StateError` if the disk is full or fails. */
export type FileFolder = {
  /** The path of a file, whether it exists or not. Throws for what is no id. */
  readonly path: (id: string) => string;
  /** Creates the folder if it is missing, and returns its path. */
  readonly place: () => Promise<string>;
  /** Creates the folder if it is missing. Returns the path for a new or continued file. */
  readonly prepare: (id: string) => Promise<string>;
  /**
   * Stores what `source` brings, under another name until it is whole and on the disk. Returns its size. Rejects with what `source` throws; then
   * nothing is left.
   */
  readonly receive: (id: string, source: AsyncIterable<Uint8Array>) => Promise<number>;
  /** Opens a stored file to be read; undefined if its bytes are gone. */
  readonly read: (id: string) => Promise<Readable | undefined>;
  readonly remove: (id: string) => Promise<void>;
  /** Removes what nobody has touched for an hour: half written files, but not those of this process, and files that `isKnown` doesn't know. */
  readonly sweep: (isKnown: (id: string) => boolean) => Promise<void>;
  /** Removes the folder if it was for this process only. */
  readonly close: () => void;
};

export type FolderOptions = {
  readonly stateFile: string;
  /** The time in Unix ms. */
  readonly now: () => number;
};

/** Ids are made by Sluice. Anything else can't be a name in the folder. */
const ID = /^[a-z]+[-_][0-9a-f]{16,64}$/;
/** Earlier versions wrote the process's id, too. It says nothing: in two containers both may be 1. */
const HALF = /^[a-z]+[-_][0-9a-f]{16,64}(?:\.\d+)?\.part$/;

/** A file that nobody knows may be one that another process writes, or whose row it is about to add. */
const UNKNOWN_MS = 60 * 60 * 1000;

/** Opens the folder `files` beside the state file; with `:memory:` one that goes with the process. */
export function openFileFolder({ stateFile, now }: FolderOptions): FileFolder {
  const isTemporary = stateFile === ":memory:";
  /** The names of what this process writes: it may wait for long. */
  const halves = new Set<string>();
  let folder = isTemporary ? undefined : join(dirname(resolve(stateFile)), "files");
  const place = (): string => {
    if (folder === undefined) {
      folder = mkdtempSync(join(tmpdir(), "sluice-files-"));
      goesWithProcess(folder);
    }
    return folder;
  };

  function path(id: string): string {
    if (!ID.test(id)) throw new Error(`No id of a file: ${id}`);
    return join(place(), id);
  }

  async function make(): Promise<string> {
    await mkdir(place(), { recursive: true, mode: 0o700 });
    return place();
  }

  async function prepare(id: string): Promise<string> {
    const whole = path(id);
    await make();
    return whole;
  }

  async function guarded<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw describeFolderFailure(error, place());
    }
  }

  function close(): void {
    if (!isTemporary || folder === undefined) return;
    temporary.delete(folder);
    rmSync(folder, { recursive: true, force: true });
    folder = undefined;
  }

  return {
    path,
    place: () => guarded(make),
    prepare: (id) => guarded(() => prepare(id)),
    receive: (id, source) =>
      guarded(async () => {
        const whole = await prepare(id);
        const half = `${whole}.part`;
        const handle = await open(half, "wx", 0o600);
        halves.add(basename(half));
        try {
          const bytes = await writeAll(handle, source);
          await handle.sync();
          await handle.close();
          await rename(half, whole);
          return bytes;
        } catch (error) {
          await handle.close().catch(() => {});
          await rm(half, { force: true });
          throw error;
        } finally {
          halves.delete(basename(half));
        }
      }),
    read: (id) =>
      guarded(async () => {
        try {
          return (await open(path(id), "r")).createReadStream();
        } catch (error) {
          if (isMissing(error)) return undefined;
          throw error;
        }
      }),
    remove: (id) => guarded(() => rm(path(id), { force: true })),
    async sweep(isKnown) {
      if (folder === undefined) return;
      const here = folder;
      const names = await readdir(here).catch(() => []);
      for (const name of names) {
        const mayBeLeft = HALF.test(name) ? !halves.has(name) : ID.test(name) && !isKnown(name);
        if (mayBeLeft && (await isOld(join(here, name), now() - UNKNOWN_MS)))
          await rm(join(here, name), { force: true }).catch(() => {});
      }
    },
    close,
  };
}

/** The folders of this process only. */
const temporary = new Set<string>();
let isWatched = false;

function goesWithProcess(folder: string): void {
  temporary.add(folder);
  if (isWatched) return;
  isWatched = true;
  process.on("exit", () => {
    for (const path of temporary) rmSync(path, { recursive: true, force: true });
  });
}

async function writeAll(handle: FileHandle, source: AsyncIterable<Uint8Array>): Promise<number> {
  let bytes = 0;
  for await (const chunk of source) {
    for (let at = 0; at < chunk.byteLength; ) {
      const { bytesWritten } = await handle.write(chunk, at, chunk.byteLength - at);
      at += bytesWritten;
    }
    bytes += chunk.byteLength;
  }
  return bytes;
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}

async function isOld(path: string, beforeMs: number): Promise<boolean> {
  return stat(path).then(
    ({ mtimeMs }) => mtimeMs < beforeMs,
    () => false,
  );
}
