import { readFileSync, readlinkSync } from "node:fs";

/** Identifies a process even if its pid is reused. */
export type ProcessIdentity = {
  readonly pid: number;
  /** The start time in clock ticks since boot; undefined if the system doesn't report it. */
  readonly start: string | undefined;
  /** The pid namespace, which differs between containers. Undefined if the system doesn't report it. */
  readonly namespace: string | undefined;
};

export function identifyProcess(pid: number = process.pid): ProcessIdentity {
  return { pid, start: startOf(pid), namespace: namespaceOf(pid) };
}

/** Whether the process runs. Only for processes of the same namespace. */
export function isRunning({ pid, start }: Pick<ProcessIdentity, "pid" | "start">): boolean {
  if (!isTaken(pid)) return false;
  const now = startOf(pid);
  return start === undefined || now === undefined || now === start;
}

/** Whether any process has this pid now. */
function isTaken(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Another error, such as EPERM, means that the process exists.
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}

/** The 22nd field of `stat` (proc(5)). The second field is a name in parentheses, which may contain spaces. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    const start = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
    return start !== undefined && /^\d+$/.test(start) ? start : undefined;
  } catch {
    return undefined;
  }
}

/** The number in `pid:[4026531836]`. */
function namespaceOf(pid: number): string | undefined {
  try {
    return /\d+/.exec(readlinkSync(`/proc/${pid}/ns/pid`))?.[0];
  } catch {
    return undefined;
  }
}
