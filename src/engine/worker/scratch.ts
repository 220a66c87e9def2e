import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { PrefixFiles } from "./prefix-store.ts";

const NAME = /^sluice-prefixes-(\d+)$/;

/**
 * A folder of this process for prefixes that were moved out of the KV cache, readable by nobody else: they hold conversations. It
 * goes with the process; what a killed one left behind is removed at the next start.
 */
export function openScratchFolder(): PrefixFiles {
  for (const name of readdirSync(tmpdir())) {
    const pid = NAME.exec(name)?.[1];
    if (pid !== undefined && !isAlive(Number(pid))) rmSync(join(tmpdir(), name), { recursive: true, force: true });
  }
  const folder = join(tmpdir(), `sluice-prefixes-${process.pid}`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { mode: 0o700 });
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  let files = 0;
  return {
    newPath: () => join(folder, String(files++)),
    remove: (path) => rmSync(path, { force: true }),
  };
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
