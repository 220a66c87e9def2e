import { processTree, readStatus } from "./process-tree.ts";

/**
 * Resident memory at its highest, in MB (2^20 bytes), of a process and all that descend from it, as Linux counts it: pages of a mapped
 * file count too. Undefined where the system doesn't tell.
 */
export function peakRssMb(pid: number): Promise<number | undefined> {
  return sumMb(pid, "VmHWM");
}

/** Resident memory now, counted in the same way. */
export function rssMb(pid: number): Promise<number | undefined> {
  return sumMb(pid, "VmRSS");
}

async function sumMb(pid: number, field: string): Promise<number | undefined> {
  const values = await Promise.all((await processTree(pid)).map((member) => readStatus(member, field)));
  if (values[0] === undefined || values[0] === "") return undefined;
  return values.reduce((sumKb, value) => sumKb + (Number.parseInt(value, 10) || 0), 0) / 1024;
}
