import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { dirname } from "node:path";

export type ProcessSpec = {
  readonly command: string;
  readonly args: readonly string[];
  /** On top of the benchmark's own. */
  readonly env?: NodeJS.ProcessEnv;
  /** Takes stdout and stderr, straight from the process: nothing of it passes through the benchmark. */
  readonly logFile: string;
};

export type RunningProcess = {
  readonly pid: number;
  /** Settles when the process has ended, with a few words on how. */
  readonly exited: Promise<string>;
  /** The last lines that it wrote. */
  logTail(): string;
  /** Asks it to end, makes it end after a while, and resolves when it has. */
  stop(): Promise<void>;
};

const STOP_GRACE_MS = 5_000;
const LOG_TAIL_CHARS = 2_000;

/** The running processes. They are ended with the benchmark, however it ends. */
const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** Starts a program. Rejects if it can't be started. */
export async function startProcess({ command, args, env, logFile }: ProcessSpec): Promise<RunningProcess> {
  const log = openSync(logFile, "a");
  const child = spawn(command, args, {
    stdio: ["ignore", log, log],
    // The user's own settings, in the environment or in the folder, must not affect the measurement.
    env: { ...withoutSettings(process.env), ...env },
    cwd: dirname(logFile),
  });
  closeSync(log);
  const exited = new Promise<string>((resolve) => {
    child.once("exit", (code, signal) => {
      running.delete(child);
      resolve(signal === null ? `exit code ${code}` : signal);
    });
  });
  await new Promise<void>((resolve, reject) => {
    child.once("spawn", resolve);
    child.once("error", reject);
  });
  running.add(child);
  const { pid } = child;
  if (pid === undefined) throw new Error(`${command} was not started`);

  return {
    pid,
    exited,
    logTail: () => readFileSync(logFile, "utf8").slice(-LOG_TAIL_CHARS),
    async stop() {
      const impatience = setTimeout(() => child.kill("SIGKILL"), STOP_GRACE_MS);
      child.kill("SIGTERM");
      await exited;
      clearTimeout(impatience);
    },
  };
}

/** The environment without the variables that Sluice and llama-server take their settings from. */
function withoutSettings(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !/^(SLUICE|LLAMA_ARG)_/.test(name)));
}
