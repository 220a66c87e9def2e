import { type ChildProcess, fork } from "node:child_process";
import { getCompileCacheDir } from "node:module";
import { getPriority, setPriority } from "node:os";
import { extname } from "node:path";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import type { EmbedderHostMessage } from "../contract/embedding-messages.ts";
import type { HostMessage, VocabularyHostMessage } from "../contract/messages.ts";

/** What the host uses of a `ChildProcess`, so that a test can put something simpler in its place. */
export type WorkerChild<Sent = HostMessage> = {
  /** Undefined when the process could not be started. */
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

/** The worker's entry: TypeScript in a checkout, JavaScript in `dist`, like this file. */
const workerPath = fileURLToPath(new URL(`../worker/main${extname(import.meta.url)}`, import.meta.url));

/** One that reads its code already, and waits for a model to load. */
let prepared: { readonly process: ChildProcess; readonly child: WorkerChild; readonly modulePath: string } | undefined;

/**
 * Forks a worker before it is known what it is to load, so that it reads its code while this process still reads its own and its settings. The next
 * `forkWorker` takes it. One that nobody takes must be dismissed; it ends with this process in any case. Returns the worker, or undefined where
 * none could be forked: whoever wants one then is told why.
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

/** Lets go of a prepared worker that nobody has taken. */
export function dismissPreparedWorker(): void {
  if (prepared?.process.connected) prepared.process.disconnect();
  prepared = undefined;
}

/** Forks the engine's worker, or another `modulePath` that speaks its messages; or gives the one that was prepared. */
export function forkWorker(modulePath: string = workerPath): WorkerChild {
  if (prepared?.modulePath !== modulePath) return sendingJson(forkChild(modulePath));
  const { process, child } = prepared;
  prepared = undefined;
  return isAlive(process) ? child : sendingJson(forkChild(modulePath));
}

/**
 * A worker's process, which is sent JSON: numbers that are passed on arrive as they were written, and what is nested needs no stack.
 * `engine/worker/child.ts` reads it.
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

/** Whether its end, or that it could not be started, is still to be told. */
function isAlive({ pid, connected, exitCode, signalCode }: ChildProcess): boolean {
  return pid !== undefined && connected && exitCode === null && signalCode === null;
}

const embedderPath = fileURLToPath(new URL(`../worker/embedder${extname(import.meta.url)}`, import.meta.url));

/** Forks the worker that makes embeddings. */
export function forkEmbedder(): WorkerChild<EmbedderHostMessage> {
  return forkChild(embedderPath);
}

const vocabularyPath = fileURLToPath(new URL(`../worker/vocabulary${extname(import.meta.url)}`, import.meta.url));

/**
 * How much nicer it is than engines: they come first wherever they want a core, since their threads wait for each other, so that an equal on one of
 * two cores holds up both. Measured with one stream on two cores: its worst gap is 149 ms beside an equal, 22 ms beside this, 14 to 36 ms alone.
 */
const VOCABULARY_NICENESS = 10;
/** The largest that systems know. */
const MAX_NICENESS = 19;

/** Forks the worker that answers questions about text. It gives way to engines from its first instruction on. */
export function forkVocabulary(): WorkerChild<VocabularyHostMessage> {
  const child = forkChild(vocabularyPath);
  try {
    if (child.pid !== undefined) setPriority(child.pid, Math.min(MAX_NICENESS, getPriority() + VOCABULARY_NICENESS));
  } catch {
    // Where that isn't allowed, it is an equal.
  }
  return sendingJson(child);
}

function forkChild(modulePath: string): ChildProcess {
  const compileCache = getCompileCacheDir();
  return fork(modulePath, [], {
    serialization: "advanced",
    // With one pool thread every decode runs on the same thread, which was measured to halve its time: with several it hops
    // between cores, and llama.cpp's own threads start cold each time.
    env: {
      ...process.env,
      UV_THREADPOOL_SIZE: "1",
      ...(compileCache !== undefined && { NODE_COMPILE_CACHE: compileCache }),
    },
    // The gateway's own Node flags, such as --inspect and its port, are not the worker's. It makes little garbage: a young
    // generation of 1 MB instead of 16 takes 28 MB less memory.
    execArgv: ["--max-semi-space-size=1"],
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
}
