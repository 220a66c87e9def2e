import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import { createFairQueue } from "../fairness/fair-queue.ts";
import { OverloadedError } from "../generation/errors.ts";
import type { Asker } from "../generation/model.ts";
import { OWN_TERMS } from "../generation/terms.ts";
import type { CompileJob, ToldOutcome } from "./compile-worker.ts";

/** The longest time for one job, in ms. */
const MAX_COMPILE_MS = 15_000;
/** The maximum number of waiting jobs of one tenant, and of all. */
const MAX_WAITING_OF_ONE = 31;
const MAX_WAITING = 127;
/** The delay before a retry when too many wait: about as long as half of them take. */
const RETRY_MS = 5_000;
/** The time for which an idle thread is kept, in ms. */
const IDLE_MS = 30_000;

/** Compiles in a separate thread. */
export type ApartCompiler = {
  /**
   * Returns a job's outcome; undefined if it takes too long. Rejects with `OverloadedError` if too many wait, which isn't an outcome and must
   * not be cached, and with the reason of the asker's signal if it was aborted before the job's turn.
   */
  readonly compile: (job: CompileJob, asker?: Asker) => Promise<ToldOutcome | undefined>;
};

/** The assumed time of a job before it has run, in ms: about as long as jobs that are short enough for the event loop. */
const LIKELY_MS = 10;

/**
 * Creates a compiler. Its thread starts with the first job, and ends when a job takes too long or after a time without work. It runs one
 * job at a time, in turns that are fair between tenants by the time of their jobs.
 */
export function createApartCompiler(maxMs = MAX_COMPILE_MS): ApartCompiler {
  const workerUrl = new URL(`./compile-worker${extname(import.meta.url)}`, import.meta.url);
  let worker: Worker | undefined;
  const waiting = createFairQueue<() => Promise<void>>();
  let isServing = false;
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

  async function serve(): Promise<void> {
    if (isServing) return;
    isServing = true;
    for (let turn = waiting.take(); turn !== undefined; turn = waiting.take()) {
      const begunMs = performance.now();
      await turn.value();
      waiting.charge(turn, performance.now() - begunMs - LIKELY_MS);
    }
    waiting.forget();
    isServing = false;
  }

  return {
    compile(job, { tenant, priority = "default", signal } = OWN_TERMS) {
      if (waiting.size >= MAX_WAITING || waiting.of(tenant).entries >= MAX_WAITING_OF_ONE) {
        return Promise.reject(new OverloadedError("Too many schemas and grammars wait to be compiled.", RETRY_MS));
      }
      return new Promise((resolve, reject) => {
        const begin = async () => {
          if (signal?.aborted === true) reject(signal.reason);
          else await run(job).then(resolve, reject);
        };
        waiting.push({ tenant, priority }, begin, LIKELY_MS);
        void serve();
      });
    },
  };
}

/** The compiler of this process. */
export const apartCompiler = createApartCompiler();
