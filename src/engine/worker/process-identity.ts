import { readFileSync, readlinkSync } from "node:fs";

/** A process, told apart from every other that ever had or will have its number. */
export type ProcessIdentity = {
  readonly pid: number;
  /** When it started, in the system's ticks since its boot; undefined where the system doesn't tell. */
  readonly start: string | undefined;
  /** Where its number counts: containers that share a folder have numbers of their own. Undefined where the system doesn't tell. */
  readonly namespace: string | undefined;
};

export function identifyProcess(pid: number = process.pid): ProcessIdentity {
  return { pid, start: startOf(pid), namespace: namespaceOf(pid) };
}

/** Whether that very process runs, as far as one of its own namespace can tell. */
export function isRunning({ pid, start }: Pick<ProcessIdentity, "pid" | "start">): boolean {
  if (!isTaken(pid)) return false;
  const now = startOf(pid);
  return start === undefined || now === undefined || now === start;
}

/** Whether any process has that number now. */
function isTaken(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Another user's process is alive too; only ESRCH says that there is none.
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}

/** proc(5): the 22nd field of `stat`. The second is a name in brackets, which may hold anything. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    const start = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
    return start !== undefined && /^\d+$/.test(start) ? start : undefined;
  } catch {
    return undefined;
  }
}

/** `pid:[4026531836]` as its number. */
function namespaceOf(pid: number): string | undefined {
  try {
    return /\d+/.exec(readlinkSync(`/proc/${pid}/ns/pid`))?.[0];
  } catch {
    return undefined;
  }
}
