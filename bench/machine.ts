import { readFileSync } from "node:fs";
import { arch, availableParallelism, cpus, loadavg, platform, release, totalmem } from "node:os";

/** The machine of a run, which is needed to compare figures. */
export type Machine = {
  readonly processor: string;
  readonly physicalCores: number;
  readonly logicalCores: number;
  readonly memoryGb: number;
  readonly system: string;
  readonly node: string;
  /** Over the last minute before the run: much above 0 means that others were at work. */
  readonly loadAverage: number;
};

export function describeMachine(): Machine {
  return {
    processor: cpus()[0]?.model.trim() ?? "unknown",
    physicalCores: physicalCores(),
    logicalCores: cpus().length,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    system: `${platform()} ${release()} ${arch()}`,
    node: process.version,
    loadAverage: loadavg()[0] ?? Number.NaN,
  };
}

/**
 * How many cores this process may use, hyperthreads counted once: arithmetic gains nothing from a core's second thread. Where the
 * system doesn't tell which belong together, all count.
 */
export function physicalCores(): number {
  return Math.min(availableParallelism(), countCores(readCpuInfo()) || Number.POSITIVE_INFINITY);
}

/** The distinct cores in the text of `/proc/cpuinfo`; 0 where it tells none. */
export function countCores(cpuInfo: string): number {
  const cores = cpuInfo.split("\n\n").flatMap((processor) => {
    const core = /^core id\s*: (\d+)$/m.exec(processor)?.[1];
    const socket = /^physical id\s*: (\d+)$/m.exec(processor)?.[1] ?? "0";
    return core === undefined ? [] : [`${socket}/${core}`];
  });
  return new Set(cores).size;
}

function readCpuInfo(): string {
  try {
    return readFileSync("/proc/cpuinfo", "utf8");
  } catch {
    return "";
  }
}
