import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import type { StreamChanges } from "./streams.ts";

/** Writes streams in a thread of its own, one call at a time. */
export type StreamWriter = {
  /** Resolves once it is in the file. Rejects if nothing was written. */
  readonly write: (changes: StreamChanges) => Promise<void>;
  /** To be called when nothing is being written. */
  readonly close: () => Promise<void>;
};

export type WriterData = { readonly file: string; readonly pid: number };
export type ToWriter = StreamChanges | "close";
export type FromWriter = "done" | { readonly problem: string };

/**
 * Each transaction takes the thread that runs it some hundred microseconds, and now and then, when SQLite moves its log into the file, some tens of
 * milliseconds. The thread starts with the first write, and anew if it has died.
 *
 * @param file the state file, which must be one: a state in memory belongs to its thread
 */
export function openStreamWriter(file: string, pid = process.pid): StreamWriter {
  const url = new URL(`./streams-worker${extname(import.meta.url)}`, import.meta.url);
  let worker: Worker | undefined;

  function start(): Worker {
    const workerData: WriterData = { file, pid };
    const started = new Worker(url, { workerData, execArgv: [] });
    const forget = () => {
      if (worker === started) worker = undefined;
    };
    started.on("error", forget).on("exit", forget).unref();
    return started;
  }

  function tell(told: ToWriter): Promise<void> {
    worker ??= start();
    const busy = worker;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const hear = (answer: FromWriter) => (answer === "done" ? resolve() : reject(new Error(answer.problem)));
    const fail = (error: Error) => reject(error);
    const leave = () => reject(new Error("The thread that writes streams to the state file has ended."));
    busy.once("message", hear).once("error", fail).once("exit", leave).ref();
    busy.postMessage(told);
    return promise.finally(() => {
      busy.off("message", hear).off("error", fail).off("exit", leave).unref();
    });
  }

  return {
    write: tell,
    async close() {
      const last = worker;
      if (last === undefined) return;
      await tell("close").catch(() => {});
      await last.terminate();
    },
  };
}
