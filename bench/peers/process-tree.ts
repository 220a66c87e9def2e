import { readdir, readFile } from "node:fs/promises";

/** A process and its descendants; only the process itself if there is no `/proc`. */
export async function processTree(pid: number): Promise<readonly number[]> {
  return descendants(pid, await readParents());
}

/** `root` and its descendants. */
export function descendants(root: number, parents: ReadonlyMap<number, number>): readonly number[] {
  const children = Array.from(parents).flatMap(([pid, parent]) => (parent === root ? [pid] : []));
  return [root, ...children.flatMap((child) => descendants(child, parents))];
}

/** A field of `/proc/PID/status` (proc_pid_status(5)); empty if the process has exited. */
async function readStatus(pid: number, field: string): Promise<string> {
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
  return new RegExp(`^${field}:\\s*(.*)$`, "m").exec(status)?.[1] ?? "";
}

async function readParents(): Promise<ReadonlyMap<number, number>> {
  const names = await readdir("/proc").catch(() => []);
  const pids = names.map(Number).filter(Number.isInteger);
  return new Map(await Promise.all(pids.map(async (pid) => [pid, Number(await readStatus(pid, "PPid"))] as const)));
}

/**
 * The peak resident memory of a process and its descendants, in MB (2^20 bytes), as Linux counts it, including the pages of mapped files.
 * Undefined if unknown.
 */
export function peakRssMb(pid: number): Promise<number | undefined> {
  return sumMb(pid, "VmHWM");
}

/** The current resident memory, counted in the same way. */
export function rssMb(pid: number): Promise<number | undefined> {
  return sumMb(pid, "VmRSS");
}

async function sumMb(pid: number, field: string): Promise<number | undefined> {
  const values = await Promise.all((await processTree(pid)).map((member) => readStatus(member, field)));
  if (values[0] === undefined || values[0] === "") return undefined;
  return values.reduce((sumKb, value) => sumKb + (Number.parseInt(value, 10) || 0), 0) / 1024;
}
