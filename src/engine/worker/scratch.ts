import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { PrefixFiles } from "./prefix-store.ts";

const NAME = /^sluice-prefixes-(\d+)-/;

/**
 * A folder of this process for prefixes that were moved out of the KV cache, new and readable by nobody else: they hold
 * conversations. It goes with the process; what a killed one left behind is removed at the next start, as far as this user may.
 *
 * @param parent the system's temporary folder
 * @throws the system's error when no folder can be made there
 */
export function openScratchFolder(parent: string = tmpdir()): PrefixFiles {
  removeAbandoned(parent);
  const folder = mkdtempSync(join(parent, `sluice-prefixes-${process.pid}-`));
  process.on("exit", () => removeIfAllowed(folder));
  let files = 0;
  return {
    newPath: () => join(folder, String(files++)),
    remove: removeIfAllowed,
  };
}

function removeAbandoned(parent: string): void {
  for (const name of readdirSync(parent)) {
    const pid = NAME.exec(name)?.[1];
    if (pid !== undefined && !isAlive(Number(pid))) removeIfAllowed(join(parent, name));
  }
}

/** Another user's folder, or one of a container that shares this one, is not ours to remove. */
function removeIfAllowed(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch {
    // It stays; nothing of ours depends on it.
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Another user's process is alive too; only ESRCH says that there is none.
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}
