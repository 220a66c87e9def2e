import { randomUUID } from "node:crypto";
import {
  chmodSync,
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  statfsSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { isIntact, type KeptPrefix, readKept, sealFile } from "./kept-file.ts";
import type { PrefixFiles, StoredPrefix } from "./prefix-store.ts";
import { identifyProcess, isRunning, type ProcessIdentity } from "./process-identity.ts";

/** A complete file. */
const KEPT = /^[0-9a-f-]{36}\.kv$/;
/** One that a process writes or loads: the state of the work, the process, and a random name. */
const IN_WORK = /^(writing|loading)-(\d+)-(\d+)-(\d+)-[0-9a-f-]{36}\.kv$/;
/** The file that counts the files whose loading ended a process. */
const CONVICTED = "convicted";
/** After so many, all files of the folder are suspect. A request in the process is convicted itself after the third death. */
const MAX_CONVICTED = 2;

/** How often the folder is looked at. */
const LOOK_MS = 500;
/** After how long a file in work of another container, whose processes are invisible, is abandoned. */
const ABANDONED_MS = 10 * 60 * 1_000;
/** More files are removed, the least recently used first: each prompt is compared with all of them. */
const MAX_FILES = 1_024;

export type KeptFolderOptions = {
  /** The model's folder. */
  readonly parent: string;
  /** Noted in the model's folder, so that it can be removed once the model is gone. */
  readonly modelPath: string;
  readonly fingerprint: string;
  /** The size of the model's folder, with the states of all fingerprints. */
  readonly maxBytes: number;
  readonly maxAgeMs: number;
  readonly owner?: ProcessIdentity;
};

/**
 * Opens a model's folder of prefixes that outlive the process. Several processes may use it at once: a complete file never changes, so they
 * need no lock, and one that is removed is a miss for the others.
 *
 * @throws the system's error if the folder can't be made or written
 */
export function openKeptFolder(options: KeptFolderOptions): PrefixFiles {
  const { parent, modelPath, fingerprint, maxBytes, maxAgeMs, owner = identifyProcess() } = options;
  const folder = join(parent, fingerprint);
  clear(folder, owner);
  trim(parent, maxBytes, maxAgeMs);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  chmodSync(folder, 0o700);
  writeFileSync(join(parent, "model"), modelPath, { mode: 0o600 });
  const known = new Map<string, KeptPrefix>();
  /** Written by this process, or compared with their checksums. */
  const intact = new Set<string>();
  /** Loaded at the moment, under another name. */
  const loaded = new Set<string>();
  let seenMs: number | undefined;
  let nextLook = Number.NEGATIVE_INFINITY;

  function nameInWork(work: "writing" | "loading", id: string = randomUUID()): string {
    const { pid, start = "0", namespace = "0" } = owner;
    return join(folder, `${work}-${pid}-${start}-${namespace}-${id}.kv`);
  }

  /** Newest last. Damaged files and those of another form are removed. */
  function read(paths: readonly string[]): readonly StoredPrefix[] {
    const newest = paths.map((path) => ({ path, usedMs: timeOf(path) })).sort((a, b) => a.usedMs - b.usedMs);
    for (const { path } of newest.splice(0, Math.max(0, newest.length - MAX_FILES))) remove(path);
    return newest.flatMap(({ path }) => {
      const found = readIfThere(path, fingerprint);
      if (found === undefined) {
        remove(path);
        return [];
      }
      known.set(path, found);
      const { tokens, promptTokens, exactTokens, headTokens, sizeBytes } = found;
      return [{ tokens, promptTokens, exactTokens, headTokens, sizeBytes, path }];
    });
  }

  function forget(path: string): void {
    known.delete(path);
    intact.delete(path);
  }

  return {
    newPath() {
      const path = nameInWork("writing");
      // Somebody may have cleared it.
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      // llama.cpp keeps the mode of a file that is there.
      closeSync(openSync(path, "wx", 0o600));
      return path;
    },
    remove(path) {
      forget(path);
      remove(path);
    },
    kept: {
      async seal(writing, prefix) {
        const sizeBytes = await sealFile(writing, prefix, fingerprint);
        const path = join(folder, `${randomUUID()}.kv`);
        renameSync(writing, path);
        const sealed = readIfThere(path, fingerprint);
        if (sealed !== undefined) known.set(path, sealed);
        intact.add(path);
        return { path, sizeBytes };
      },
      look() {
        if (performance.now() < nextLook) return undefined;
        nextLook = performance.now() + LOOK_MS;
        const changedMs = timeOf(folder);
        if (changedMs === seenMs) return undefined;
        // The next change may get the same time.
        if (Date.now() - changedMs > LOOK_MS) seenMs = changedMs;
        const paths = new Set(
          list(folder)
            .filter((name) => KEPT.test(name))
            .map((name) => join(folder, name)),
        );
        const removed = new Set([...known.keys()].filter((path) => !paths.has(path) && !loaded.has(path)));
        for (const path of removed) forget(path);
        return { added: read([...paths].filter((path) => !known.has(path))), removed };
      },
      async open(path, load) {
        const found = known.get(path);
        if (found === undefined || !(intact.has(path) || (await isIntact(path, found)))) {
          throw new Error("The file of a stored prefix is damaged.");
        }
        intact.add(path);
        const loading = nameInWork("loading", path.slice(-39, -3));
        renameSync(path, loading);
        loaded.add(path);
        try {
          await load(loading);
          renameSync(loading, path);
        } catch (error) {
          remove(loading);
          throw error;
        } finally {
          loaded.delete(path);
        }
      },
      touch(path) {
        try {
          const now = new Date();
          utimesSync(path, now, now);
        } catch {
          // Another process has removed it, which shows when it is loaded.
        }
      },
      freeBytes() {
        try {
          const { bavail, bsize } = statfsSync(folder);
          return bavail * bsize;
        } catch {
          return Number.POSITIVE_INFINITY;
        }
      },
    },
  };
}

/** Removes what ended processes left half done. A file that one was loading has probably ended it. */
function clear(folder: string, own: ProcessIdentity): void {
  const convicted = list(folder).filter((name) => {
    const [, work, pid, start, namespace] = IN_WORK.exec(name) ?? [];
    if (work === undefined) return false;
    const owner = { pid: Number(pid), start: start === "0" ? undefined : start };
    const isElsewhere = namespace !== "0" && namespace !== own.namespace;
    const isLeft = isElsewhere ? isOlder(join(folder, name), ABANDONED_MS) : !isRunning(owner);
    if (isLeft) remove(join(folder, name));
    return isLeft && work === "loading";
  });
  if (convicted.length === 0) return;
  const path = join(folder, CONVICTED);
  const count = countIn(path) + convicted.length;
  if (count < MAX_CONVICTED) {
    writeFileSync(path, String(count), { mode: 0o600 });
    return;
  }
  for (const name of list(folder)) if (KEPT.test(name) || name === CONVICTED) remove(join(folder, name));
}

/** Removes what was not used for too long, and then the least recently used, of all fingerprints. */
function trim(parent: string, maxBytes: number, maxAgeMs: number): void {
  const files = list(parent).flatMap((fingerprint) =>
    list(join(parent, fingerprint))
      .filter((name) => KEPT.test(name))
      .flatMap((name) => {
        const path = join(parent, fingerprint, name);
        const found = statSync(path, { throwIfNoEntry: false });
        return found === undefined ? [] : [{ path, bytes: found.size, usedMs: found.mtimeMs }];
      }),
  );
  let bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  for (const file of files.sort((a, b) => a.usedMs - b.usedMs)) {
    if (bytes <= maxBytes && Date.now() - file.usedMs <= maxAgeMs) break;
    remove(file.path);
    bytes -= file.bytes;
  }
  for (const fingerprint of list(parent)) removeIfEmpty(join(parent, fingerprint));
}

function removeIfEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {
    // It has files, or is no folder.
  }
}

function readIfThere(path: string, fingerprint: string): KeptPrefix | undefined {
  try {
    return readKept(path, fingerprint);
  } catch {
    return undefined;
  }
}

function countIn(path: string): number {
  try {
    return Number.parseInt(readFileSync(path, "utf8"), 10) || 0;
  } catch {
    return 0;
  }
}

/** A file's last change; 0 if there is none. */
function timeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

function isOlder(path: string, ms: number): boolean {
  const changedMs = statSync(path, { throwIfNoEntry: false })?.ctimeMs;
  return changedMs !== undefined && Date.now() - changedMs > ms;
}

function list(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function remove(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // Not allowed; nothing here depends on it.
  }
}
