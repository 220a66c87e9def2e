import { mkdtempSync, readdirSync, rmSync, statSync, utimesSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { PrefixFiles } from "./prefix-store.ts";
import { identifyProcess, isRunning, type ProcessIdentity } from "./process-identity.ts";

/** The owner's pid, start time and namespace; 0 if unknown. Older versions wrote only the pid. */
const NAME = /^sluice-prefixes-(\d+)-(?:(\d+)-(\d+)-)?/;

/** How often the owner touches its folder, to show processes in other containers that it runs. */
const SIGN_OF_LIFE_MS = 10 * 60 * 1_000;
/** After how long without a touch a folder of another container is abandoned. The machine may have slept for a night. */
const SILENCE_MS = 24 * 60 * 60 * 1_000;

/**
 * Makes this process's folder for stored prefixes. Only this user can read it, because prefixes hold conversations. It is removed when the
 * process exits. The next start removes the folders of killed processes, as far as this user may.
 *
 * @param parent the system's temporary folder
 * @throws the system's error if the folder can't be made
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

/** Processes of other containers are invisible here, so their folders are judged by age. */
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
    // The folder was removed; the next save reports it.
  }
}

function known(digits: string | undefined): string | undefined {
  return digits === "0" ? undefined : digits;
}

/** Removes a file or folder. One of another user or container may stay. */
function removeIfAllowed(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch {
    // Not allowed; nothing here depends on it.
  }
}
