import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";

/** A line of the log. */
type LogLine = {
  readonly level: string;
  readonly msg: string;
  readonly enginePid?: number;
  readonly engine?: { readonly slots: number; readonly contextTokens: number };
};

/** The real command line in a separate process. */
export type SluiceProcess = {
  readonly pid: number;
  /** Resolves with the base URL when the gateway is ready and its log names the engine; rejects when it ends before. */
  readonly ready: Promise<string>;
  /** Resolves with the base URL when the gateway listens; its engines may be loading, or it may have none. */
  readonly listens: Promise<string>;
  /** Resolves with the exit status, once all output has been read. */
  readonly ended: Promise<{ readonly code: number | null; readonly signal: string | null }>;
  /** Everything written to stderr so far. */
  readonly stderr: () => string;
  /** The lines of `stderr` that are JSON. */
  readonly log: () => readonly LogLine[];
  /** Resolves when stderr holds `text`; rejects when the process ends without it. */
  readonly says: (text: string) => Promise<void>;
  readonly kill: (signal: "SIGHUP" | "SIGTERM" | "SIGINT" | "SIGKILL") => void;
};

const running = new Set<ChildProcess>();

/** Runs `sluice` with `args` on a free port, unless they name another. */
export function runSluice(...args: string[]): SluiceProcess {
  // Under npm the same signal within half a second counts once; here each must count.
  const { npm_lifecycle_event: _, ...env } = process.env;
  const child = spawn(process.execPath, ["src/main.ts", "--port", "0", ...args], {
    // By default nothing runs that the test has not started, and nothing is found that another test has left.
    env: { SLUICE_WARM_PRESETS: "false", SLUICE_KEEP_PREFIXES: "false", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  running.add(child);
  let stderr = "";
  const listeners = new Set<() => void>();
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
    stderr += chunk;
    for (const listener of listeners) listener();
  });
  const ended = once(child, "close").then(([code, signal]) => {
    running.delete(child);
    return { code, signal };
  });

  const says = (text: string) =>
    new Promise<void>((resolve, reject) => {
      const look = () => {
        if (!stderr.includes(text)) return;
        listeners.delete(look);
        resolve();
      };
      listeners.add(look);
      look();
      void ended.then(() => reject(new Error(`the gateway ended without saying "${text}": ${stderr}`)));
    });
  const announced = new Promise<string>((resolve, reject) => {
    createInterface(child.stdout)
      .on("line", (line) => {
        const url = /listens on (http:\S+)/.exec(line)?.[1];
        if (url !== undefined) resolve(url);
      })
      .on("close", () => reject(new Error(`the gateway ended before it was ready: ${stderr}`)));
  });
  // stdout and stderr come over two pipes, in any order.
  const ready = announced.then((url) => says('"the engine is ready"}').then(() => url));
  // A test that expects a failure doesn't wait for these.
  ready.catch(() => {});
  announced.catch(() => {});

  return {
    pid: child.pid ?? Number.NaN,
    ready,
    listens: announced,
    ended,
    stderr: () => stderr,
    log: () =>
      stderr
        .split("\n")
        .filter((line) => line.startsWith("{") && line.endsWith("}"))
        .map((line) => JSON.parse(line) as LogLine),
    says,
    kill: (signal) => void child.kill(signal),
  };
}

/** Ends the processes that a failed test left. An engine ends with its gateway. */
export async function endAll(): Promise<void> {
  for (const child of running) {
    const closed = once(child, "close");
    child.kill("SIGKILL");
    await closed;
  }
}

/** The process id of the engine in a gateway's log. */
export function enginePidOf(sluice: SluiceProcess): number {
  const pid = sluice.log().find(({ msg }) => msg === "the engine is ready")?.enginePid;
  if (pid === undefined) throw new Error(`the log names no engine: ${sluice.stderr()}`);
  return pid;
}

/** Whether the process exists. A zombie counts as gone. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  return !isZombie(pid);
}

function isZombie(pid: number): boolean {
  try {
    return /^\d+ \(.*\) Z /.test(readFileSync(`/proc/${pid}/stat`, "latin1"));
  } catch {
    // Not Linux, or gone since.
    return false;
  }
}
