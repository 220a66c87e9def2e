import { processTree, readStatus } from "./process-tree.ts";

/**
 * Resident memory at its highest, in MB (2^20 bytes), of a process and all that descend from it, as Linux counts it: pages of a mapped
 * file count too. Undefined where the system doesn't tell.
 */
export async function peakRssMb(pid: number): Promise<number | undefined> {
  const peaks = await Promise.all((await processTree(pid)).map((member) => readStatus(member, "VmHWM")));
  if (peaks[0] === undefined || peaks[0] === "") return undefined;
  return peaks.reduce((sumKb, peak) => sumKb + (Number.parseInt(peak, 10) || 0), 0) / 1024;
}
