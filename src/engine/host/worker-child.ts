import { type ChildProcess, fork } from "node:child_process";
import { getCompileCacheDir } from "node:module";
import { getPriority, setPriority } from "node:os";
import { extname } from "node:path";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import type { EmbedderHostMessage } from "../contract/embedding-messages.ts";
import type { HostMessage, VocabularyHostMessage } from "../contract/messages.ts";

/** The part of `ChildProcess` that the host uses, so that tests can replace it. */
export type WorkerChild<Sent = HostMessage> = {
  /** Undefined if the process could not be started. */
  readonly pid?: number | undefined;
  readonly connected: boolean;
  readonly stdout: Readable | null;
  readonly stderr: Readable | null;
  send(message: Sent, callback: (error: Error | null) => void): boolean;
  disconnect(): void;
  kill(signal: "SIGKILL"): boolean;
  on(event: "message", listener: (message: unknown) => void): unknown;
  on(event: "error", listener: (error: Error) => void): unknown;
  on(event: "disconnect", listener: () => void): unknown;
  on(event: "exit" | "close", listener: (exitCode: number | null, signal: string | null) => void): unknown;
};

/** Starts a worker's process. May throw; a failure may also come as the child's `error` event. */
export type SpawnWorker<Sent = HostMessage> = () => WorkerChild<Sent>;

/** The worker's entry file: TypeScript in a checkout, JavaScript in `dist`, like this file. */
const workerPath = fileURLToPath(new URL(`../worker/main${extname(import.meta.url)}`, import.meta.url));

/** A worker that was forked in advance and waits for its `load` message. */
let prepared: { readonly process: ChildProcess; readonly child: WorkerChild; readonly modulePath: string } | undefined;

/**
 * Forks a worker in advance, so that it loads its code while this process reads its own code and settings. The next `forkWorker` takes it.
 * A worker that isn't taken must be dismissed; it also ends with this process. Returns undefined if the fork fails; the next `forkWorker`
 * then reports the error.
 */
export function prepareWorker(modulePath: string = workerPath): WorkerChild | undefined {
  dismissPreparedWorker();
  try {
    const process = forkChild(modulePath);
    process.on("error", () => {});
    const child = sendingJson(process);
    prepared = { process, child, modulePath };
    return child;
  } catch {
    return undefined;
  }
}

/** Ends a prepared worker that wasn't taken. */
export function dismissPreparedWorker(): void {
  if (prepared?.process.connected) prepared.process.disconnect();
  prepared = undefined;
}

/** Returns the prepared worker, or forks one. A test may give another `modulePath`. */
export function forkWorker(modulePath: string = workerPath): WorkerChild {
  if (prepared?.modulePath !== modulePath) return sendingJson(forkChild(modulePath));
  const { process, child } = prepared;
  prepared = undefined;
  return isAlive(process) ? child : sendingJson(forkChild(modulePath));
}

/** Forks a worker that sees these GPUs only, by their numbers. */
export function forkWorkerOn(devices: readonly string[]): WorkerChild {
  return sendingJson(forkChild(workerPath, seeing(devices)));
}

/**
 * A worker that gets its messages as JSON, which keeps the spelling of numbers and needs no recursion for nested values.
 * `engine/worker/child.ts` parses it.
 */
function sendingJson<Sent = HostMessage>(process: ChildProcess): WorkerChild<Sent> {
  const { pid, stdout, stderr } = process;
  return {
    pid,
    stdout,
    stderr,
    get connected() {
      return process.connected;
    },
    send: (message, callback) => process.send(JSON.stringify(message), callback),
    disconnect: () => process.disconnect(),
    kill: (signal) => process.kill(signal),
    on: process.on.bind(process),
  };
}

/** Whether the process runs, so that its events are still to come. */
function isAlive({ pid, connected, exitCode, signalCode }: ChildProcess): boolean {
  return pid !== undefined && connected && exitCode === null && signalCode === null;
}

const embedderPath = fileURLToPath(new URL(`../worker/embedder${extname(import.meta.url)}`, import.meta.url));

/** Forks the worker that makes embeddings. @param devices the GPUs that it sees; all if absent */
export function forkEmbedder(devices?: readonly string[]): WorkerChild<EmbedderHostMessage> {
  return forkChild(embedderPath, devices && seeing(devices));
}

const vocabularyPath = fileURLToPath(new URL(`../worker/vocabulary${extname(import.meta.url)}`, import.meta.url));

/**
 * How much nicer this process is than engines. The threads of an engine wait for each other, so an equal process on one core delays all of
 * them. Measured with one stream on two cores: the longest gap between tokens is 149 ms at equal priority, 22 ms with this, 14 to 36 ms
 * without another process.
 */
const VOCABULARY_NICENESS = 10;
/** The lowest priority of POSIX systems. */
const MAX_NICENESS = 19;

/** Forks the worker for queries about text, with a lower priority than engines. */
export function forkVocabulary(): WorkerChild<VocabularyHostMessage> {
  const child = forkChild(vocabularyPath);
  try {
    if (child.pid !== undefined) setPriority(child.pid, Math.min(MAX_NICENESS, getPriority() + VOCABULARY_NICENESS));
  } catch {
    // Not allowed here: it runs at equal priority.
  }
  return sendingJson(child);
}

/** What CUDA, ROCm and llama.cpp's Vulkan read. The binding has no option for it, but each engine has a process. */
const DEVICE_VARIABLES = ["CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "GGML_VK_VISIBLE_DEVICES"] as const;

/** Environment variables that hide all other GPUs. Where this process sees only some, the numbers count those. */
export function seeing(
  devices: readonly string[],
  env: Readonly<Record<string, string | undefined>> = process.env,
): Readonly<Record<string, string>> {
  const variables = DEVICE_VARIABLES.map((name) => {
    const visible = env[name]?.split(",").map((each) => each.trim());
    // A number that there is no GPU for hides all, and the engine says so.
    return [name, devices.map((device) => (visible ? (visible[Number(device)] ?? "-1") : device)).join(",")] as const;
  });
  // As nvidia-smi counts them.
  return { CUDA_DEVICE_ORDER: "PCI_BUS_ID", ...Object.fromEntries(variables) };
}

function forkChild(modulePath: string, more: Readonly<Record<string, string>> = {}): ChildProcess {
  const compileCache = getCompileCacheDir();
  return fork(modulePath, [], {
    serialization: "advanced",
    // With one pool thread, every decode runs on the same thread. Measured: half the time, because with several threads the decode moves
    // between cores, and llama.cpp's own threads start cold each time.
    env: {
      ...process.env,
      UV_THREADPOOL_SIZE: "1",
      ...(compileCache !== undefined && { NODE_COMPILE_CACHE: compileCache }),
      ...more,
    },
    // The gateway's own Node flags, such as --inspect, are not passed on. The worker makes little garbage: a young generation of 1 MB
    // instead of 16 MB saves 28 MB of memory.
    execArgv: ["--max-semi-space-size=1"],
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
}
