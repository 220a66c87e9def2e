import { spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";

export type StepOptions = {
  readonly signal: AbortSignal;
  /** Receives the program's output. */
  readonly logFile: string;
  readonly cwd?: string;
  readonly onLine?: (line: string) => void;
};

const LOG_TAIL_LINES = 20;

/**
 * Runs a program to its end, with all that it starts in a group of its own, so that all of it can be ended. Throws an Error with its last
 * lines where it fails, `MissingProgramError` where there is no such program.
 */
export async function runStep(
  command: string,
  args: readonly string[],
  { signal, logFile, cwd, onLine }: StepOptions,
): Promise<void> {
  signal.throwIfAborted();
  const log = openSync(logFile, "a");
  const child = spawn(command, args, {
    detached: true,
    stdio: ["ignore", onLine ? "pipe" : log, log],
    ...(cwd !== undefined && { cwd }),
  });
  closeSync(log);
  const { pid } = child;
  const kill = () => {
    if (pid !== undefined && child.exitCode === null && child.signalCode === null) process.kill(-pid, "SIGTERM");
  };
  process.on("exit", kill);
  signal.addEventListener("abort", kill, { once: true });
  if (onLine && child.stdout) createInterface(child.stdout).on("line", onLine);
  try {
    const end = await new Promise<string>((resolve, reject) => {
      child.once("error", reject);
      child.once("exit", (exitCode, signalName) => resolve(signalName ?? `exit code ${exitCode}`));
    });
    signal.throwIfAborted();
    if (end !== "exit code 0") {
      const tail = readFileSync(logFile, "utf8").trimEnd().split("\n").slice(-LOG_TAIL_LINES).join("\n");
      throw new Error(`${command} ended with ${end}; the end of ${logFile}:\n${tail}`);
    }
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
    throw new MissingProgramError(command);
  } finally {
    process.off("exit", kill);
    signal.removeEventListener("abort", kill);
  }
}

export class MissingProgramError extends Error {
  override readonly name = "MissingProgramError";

  constructor(command: string) {
    super(`there is no ${command} here`);
  }
}
