import { readdir, readFile } from "node:fs/promises";

/** A process and all that descend from it; only itself where there is no `/proc`. */
export async function processTree(pid: number): Promise<readonly number[]> {
  return descendants(pid, await readParents());
}

/** `root` and every process below it. */
export function descendants(root: number, parents: ReadonlyMap<number, number>): readonly number[] {
  const children = Array.from(parents).flatMap(([pid, parent]) => (parent === root ? [pid] : []));
  return [root, ...children.flatMap((child) => descendants(child, parents))];
}

/** A line of `/proc/PID/status` (proc_pid_status(5)); empty for a process that has gone. */
export async function readStatus(pid: number, field: string): Promise<string> {
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
  return new RegExp(`^${field}:\\s*(.*)$`, "m").exec(status)?.[1] ?? "";
}

async function readParents(): Promise<ReadonlyMap<number, number>> {
  const names = await readdir("/proc").catch(() => []);
  const pids = names.map(Number).filter(Number.isInteger);
  return new Map(await Promise.all(pids.map(async (pid) => [pid, Number(await readStatus(pid, "PPid"))] as const)));
}
