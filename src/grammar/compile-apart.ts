import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import { OverloadedError } from "../generation/errors.ts";
import type { CompileJob, ToldOutcome } from "./compile-worker.ts";

/** Longer nothing is compiled, in ms. */
const MAX_COMPILE_MS = 5_000;
/** So many wait at most for those before them. */
const MAX_WAITING = 32;
/** What those are told that find so many waiting: about as long as half of them take. */
const RETRY_MS = 5_000;
/** How long a thread without work is kept, in ms. */
const IDLE_MS = 30_000;

/** Compiles in a thread of its own. */
export type ApartCompiler = {
  /**
   * What came of a job; undefined where it takes too long. Throws `OverloadedError` where too many wait: that says nothing of this job, and
   * must not be remembered as if it did.
   */
  readonly compile: (job: CompileJob) => Promise<ToldOutcome | undefined>;
};

/**
 * A compiler whose thread is started when it is first needed, and ended where a job takes too long and after a while without work. It has
 * one job at a time.
 */
export function createApartCompiler(maxMs = MAX_COMPILE_MS): ApartCompiler {
  const workerUrl = new URL(`./compile-worker${extname(import.meta.url)}`, import.meta.url);
  let worker: Worker | undefined;
  let last: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  let idle: NodeJS.Timeout | undefined;

  function start(): Worker {
    const started = new Worker(workerUrl, { execArgv: [] });
    started.on("error", () => forget(started));
    started.on("exit", () => forget(started));
    return started;
  }
  function forget(gone: Worker): void {
    if (worker === gone) {
      worker = undefined;
    }
  }
  function rest(resting: Worker): void {
    resting.unref();
    idle = setTimeout(() => {
      forget(resting);
      void resting.terminate();
    }, IDLE_MS).unref();
  }

  async function run(job: CompileJob): Promise<ToldOutcome | undefined> {
    clearTimeout(idle);
    worker ??= start();
    const busy = worker;
    busy.ref();
    const { promise, resolve } = Promise.withResolvers<ToldOutcome | undefined>();
    const giveUp = () => resolve(undefined);
    const timer = setTimeout(giveUp, maxMs);
    busy.once("message", resolve).once("error", giveUp).once("exit", giveUp);
    busy.postMessage(job);
    const outcome = await promise;
    clearTimeout(timer);
    busy.off("message", resolve).off("error", giveUp).off("exit", giveUp);
    if (outcome === undefined) {
      forget(busy);
      await busy.terminate();
    } else {
      rest(busy);
    }
    return outcome;
  }

  return {
    async compile(job) {
      if (waiting >= MAX_WAITING) {
        throw new OverloadedError("Too many schemas and grammars wait to be compiled.", RETRY_MS);
      }
      waiting += 1;
      const turn = last.then(() => run(job));
      last = turn.catch(() => {});
      try {
        return await turn;
      } finally {
        waiting -= 1;
      }
    },
  };
}

/** The compiler of this process. */
export const apartCompiler = createApartCompiler();
