import { readFile } from "node:fs/promises";
import { cpus } from "node:os";
import { processTree } from "./process-tree.ts";

/** How long the processors had worked when it was taken, in ms, summed over them. */
export type ProcessorSample = {
  readonly atMs: number;
  readonly busyMs: number;
  /** The part of the benchmark and all that it started; undefined where the system doesn't tell. */
  readonly ownMs: number | undefined;
};

/** The unit of times in /proc, which is the same on every Linux (USER_HZ). */
const TICK_MS = 10;

export async function sampleProcessor(): Promise<ProcessorSample> {
  const own = await Promise.all((await processTree(process.pid)).map(readOwnMs));
  return {
    atMs: performance.now(),
    busyMs: cpus().reduce((sum, { times: { user, nice, sys, irq } }) => sum + user + nice + sys + irq, 0),
    ownMs: own[0] === undefined ? undefined : own.reduce<number>((sum, ms) => sum + (ms ?? 0), 0),
  };
}

/** The share of the CPU that other processes used between two samples, 0 to 1. It shows how reliable the figures are. */
export function othersShare(before: ProcessorSample, after: ProcessorSample, processors: number): number | undefined {
  if (before.ownMs === undefined || after.ownMs === undefined) return undefined;
  const othersMs = after.busyMs - before.busyMs - (after.ownMs - before.ownMs);
  return Math.min(1, Math.max(0, othersMs / ((after.atMs - before.atMs) * processors)));
}

/** User and system time out of `/proc/PID/stat` (proc_pid_stat(5)): fields 14 and 15, and 16 and 17 of the children that have ended. */
async function readOwnMs(pid: number): Promise<number | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
  // The name, field 2, stands in parentheses and may hold anything.
  const fields = stat?.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields?.slice(11, 15).reduce((sumMs, ticks) => sumMs + Number(ticks) * TICK_MS, 0);
}
