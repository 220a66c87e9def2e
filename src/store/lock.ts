import { DatabaseSync } from "node:sqlite";

/** Something that only one process may do at a time. */
export type Lock = { readonly release: () => void };

/**
 * Takes the lock of a file, which is created if it is missing. Undefined if another process has it. SQLite's lock is one of the system, which ends
 * with the process, however that ends, and holds between containers too: a process's id does neither.
 */
export function tryLock(file: string): Lock | undefined {
  const handle = new DatabaseSync(file, { timeout: 0 });
  try {
    handle.exec("BEGIN EXCLUSIVE");
    return { release: () => handle.close() };
  } catch (error) {
    handle.close();
    const isTaken = error instanceof Error && "errcode" in error && (Number(error.errcode) & 0xff) === 5;
    if (isTaken) return undefined;
    throw error;
  }
}
