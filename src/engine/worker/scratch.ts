import { mkdtempSync, readdirSync, rmSync, statSync, utimesSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { PrefixFiles } from "./prefix-store.ts";
import { identifyProcess, isRunning, type ProcessIdentity } from "./process-identity.ts";

/** The owner's number, start and namespace; 0 stands for what isn't known, and older versions wrote the number alone. */
const NAME = /^sluice-prefixes-(\d+)-(?:(\d+)-(\d+)-)?/;

/** So often a folder's owner says that it lives, for those that can't see its process. */
const SIGN_OF_LIFE_MS = 10 * 60 * 1_000;
/** Without a sign for so long an owner that can't be seen is gone. A machine may have slept for a night. */
const SILENCE_MS = 24 * 60 * 60 * 1_000;

/**
 * A folder of this process for prefixes that were moved out of the KV cache, new and readable by nobody else: they hold
 * conversations. It goes with the process; what a killed one left behind is removed at the next start, as far as this user may.
 *
 * @param parent the system's temporary folder
 * @throws the system's error when no folder can be made there
 */
export function openScratchFolder(parent: string = tmpdir(), owner: ProcessIdentity = identifyProcess()): PrefixFiles {
  removeAbandoned(parent, owner);
  const { pid, start = "0", namespace = "0" } = owner;
  const folder = mkdtempSync(join(parent, `sluice-prefixes-${pid}-${start}-${namespace}-`));
  setInterval(() => touch(folder), SIGN_OF_LIFE_MS).unref();
  process.on("exit", () => removeIfAllowed(folder));
  let files = 0;
  return {
    newPath: () => join(folder, String(files++)),
    remove: removeIfAllowed,
  };
}

function removeAbandoned(parent: string, own: ProcessIdentity): void {
  for (const name of readdirSync(parent)) {
    const [, pid, start, namespace] = NAME.exec(name) ?? [];
    if (pid === undefined) continue;
    const owner = { pid: Number(pid), start: known(start), namespace: known(namespace) };
    const folder = join(parent, name);
    if (isAbandoned(owner, own, folder)) removeIfAllowed(folder);
  }
}

/** Those of another container can't be seen from here, and their numbers mean nothing. */
function isAbandoned(owner: ProcessIdentity, own: ProcessIdentity, folder: string): boolean {
  const isElsewhere = owner.namespace !== undefined && owner.namespace !== own.namespace;
  return isElsewhere ? isSilent(folder) : !isRunning(owner);
}

function isSilent(folder: string): boolean {
  const touchedMs = statSync(folder, { throwIfNoEntry: false })?.mtimeMs;
  return touchedMs !== undefined && Date.now() - touchedMs > SILENCE_MS;
}

function touch(folder: string): void {
  try {
    const now = new Date();
    utimesSync(folder, now, now);
  } catch {
    // Somebody has removed it; what is to be kept next will say so.
  }
}

function known(digits: string | undefined): string | undefined {
  return digits === "0" ? undefined : digits;
}

/** Another user's folder, or one of a container that shares this one, is not ours to remove. */
function removeIfAllowed(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch {
    // It stays; nothing of ours depends on it.
  }
}
