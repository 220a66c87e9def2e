import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import { OverloadedError } from "../generation/errors.ts";
import type { Answer, Question } from "./answer.ts";

/** The longest time for one simulation. */
const MAX_MS = 20_000;
/** Simulations that may wait for another. */
const MAX_WAITING = 4;
const RETRY_MS = 2_000;

/** Simulates in a thread of its own, one question at a time. */
export type Simulator = {
  /** Rejects with `OverloadedError` if too many wait, or if it takes too long, and with the signal's reason. */
  readonly ask: (question: Question, signal: AbortSignal) => Promise<Answer>;
};

export function createSimulator(maxMs = MAX_MS): Simulator {
  const workerUrl = new URL(`./worker${extname(import.meta.url)}`, import.meta.url);
  let waiting = 0;
  let last: Promise<unknown> = Promise.resolve();

  function run(question: Question, signal: AbortSignal): Promise<Answer> {
    signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const worker = new Worker(workerUrl, { workerData: question, execArgv: [] });
    const giveUp = () => reject(new OverloadedError("The simulation took too long. Ask for fewer requests.", RETRY_MS));
    const leave = () => reject(signal.reason);
    const timer = setTimeout(giveUp, maxMs);
    signal.addEventListener("abort", leave, { once: true });
    worker.once("message", resolve).once("error", reject).once("exit", giveUp);
    return promise.finally(() => {
      clearTimeout(timer);
      signal.removeEventListener("abort", leave);
      return worker.terminate();
    });
  }

  return {
    async ask(question, signal) {
      if (waiting >= MAX_WAITING) throw new OverloadedError("Other simulations are still running.", RETRY_MS);
      waiting += 1;
      const before = last;
      const mine = before.then(() => run(question, signal));
      last = mine.catch(() => {});
      try {
        return await mine;
      } finally {
        waiting -= 1;
      }
    },
  };
}
