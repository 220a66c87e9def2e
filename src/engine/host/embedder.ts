import { type Clock, systemClock } from "../../clock.ts";
import type { Embed, EmbeddingRefusal } from "../../generation/embedding.ts";
import { EngineUnavailableError } from "../../generation/errors.ts";
import type {
  EmbedderHostMessage,
  EmbedderInfo,
  EmbedderOptions,
  EmbedderWorkerMessage,
} from "../contract/embedding-messages.ts";
import { parseEmbedderMessage } from "../contract/embedding-messages.ts";
import { createEmbeddingQueue, type EmbeddingJob } from "./embedding-queue.ts";
import { EngineLoadError, EngineStoppedError, sendFailure } from "./errors.ts";
import { createGuard, guardClock } from "./guard.ts";
import { DEFAULT_POLICY, type SupervisionPolicy } from "./policy.ts";
import { createWatchdog } from "./watchdog.ts";
import { forkEmbedder, type SpawnWorker } from "./worker-child.ts";
import { describeDeath, type WorkerDeath } from "./worker-death.ts";
import { type EngineLogger, openChild, type WorkerProcess } from "./worker-process.ts";

/** One model's embeddings, made in a process of their own that lives only while it is used. */
export type Embedder = {
  readonly embed: Embed;
  /**
   * Loads the model, so that the first request needn't wait. Rejects with `EngineLoadError` when it can't be loaded, and with
   * `EngineStoppedError` when `stop` comes first.
   */
  warmUp(): Promise<EmbedderInfo>;
  /** `loading`: the model has never loaded. `ready`: it has, though its process may have ended meanwhile. */
  readonly state: "loading" | "ready" | "stopped";
  /** The process id of the worker that lives now. */
  readonly pid: number | undefined;
  /** Ends the worker and fails what waits with `EngineUnavailableError`; resolves when the process has exited. */
  stop(): Promise<void>;
};

export type EmbedderPolicy = SupervisionPolicy & {
  /** A worker that had nothing to do for so long is ended: its memory is worth more than the second that a load takes. */
  readonly idleMs: number;
  /** Requests in hand; more are refused. */
  readonly maxPending: number;
};

export type CreateEmbedderOptions = {
  readonly options: EmbedderOptions;
  readonly logger: EngineLogger;
  readonly spawn?: SpawnWorker<EmbedderHostMessage>;
  readonly clock?: Clock;
  readonly policy?: Partial<EmbedderPolicy>;
};

const DEFAULT_EMBEDDER_POLICY: EmbedderPolicy = { ...DEFAULT_POLICY, idleMs: 300_000, maxPending: 256 };

type Running = {
  readonly process: WorkerProcess<EmbedderHostMessage>;
  /** Undefined while it loads. */
  info?: EmbedderInfo;
  loadFailure?: string;
  /** The item that it works on. */
  current?: { readonly id: number; readonly job: EmbeddingJob };
  /** It was told to end, because nobody needed it. */
  ending?: boolean;
};

/**
 * Makes an embedder; its process starts with the first request. The worker has one item at a time: requests take turns item by
 * item, one that is aborted leaves at once, and when the process dies it is known which item it had. That item is asked again in a new
 * process, until `maxDeaths`.
 */
export function createEmbedder(given: CreateEmbedderOptions): Embedder {
  const { options, logger, spawn = forkEmbedder } = given;
  const clock = guardClock(given.clock ?? systemClock, createGuard(logger));
  const policy = { ...DEFAULT_EMBEDDER_POLICY, ...given.policy };
  const queue = createEmbeddingQueue({ maxPending: policy.maxPending, onAbort: cancel, onAdd: pump });
  const exited = Promise.withResolvers<void>();
  let running: Running | undefined;
  let stopped = false;
  let hasLoaded = false;
  let warming = Promise.withResolvers<EmbedderInfo>();
  let lastId = 0;
  let cancelIdle: (() => void) | undefined;
  const watchdog = createWatchdog({ clock, policy, onHung: (reason) => running?.process.kill(reason) });

  /** Gives the worker its next item, or begins or ends the worker as the queue needs. */
  function pump(): void {
    cancelIdle?.();
    cancelIdle = undefined;
    if (stopped) return;
    if (running === undefined) {
      if (queue.size > 0) launch();
      return;
    }
    const { info, process, current, ending } = running;
    if (info === undefined || current !== undefined || ending === true) return;
    for (let job = queue.takeTurn(); job !== undefined; job = queue.takeTurn()) {
      const refusal = findMisfit(job, info);
      if (refusal !== undefined) {
        job.refuse(refusal);
        continue;
      }
      lastId += 1;
      try {
        process.send({ type: "embed", id: lastId, item: job.item });
      } catch (error) {
        job.fail(sendFailure(error));
        continue;
      }
      running.current = { id: lastId, job };
      return;
    }
    cancelIdle = clock.after(policy.idleMs, endIdle);
  }

  function launch(): void {
    if (hasLoaded) warming = Promise.withResolvers<EmbedderInfo>();
    running = {
      process: openChild({ spawn, clock, policy, logger, onMessage: handle, onDeath: bury }, parseEmbedderMessage),
    };
    watchdog.loading();
    running.process.send({ type: "load", options });
  }

  function endIdle(): void {
    if (running === undefined) return;
    logger.info({ enginePid: running.process.pid }, "the embedding process ends: nobody needed it");
    running.ending = true;
    watchdog.stop();
    running.process.end();
  }

  function cancel(job: EmbeddingJob): void {
    if (running?.current?.job === job) running.process.send({ type: "cancel", id: running.current.id });
  }

  function handle(message: EmbedderWorkerMessage): void {
    if (running === undefined) return;
    switch (message.type) {
      case "loaded":
        logger.info({ enginePid: running.process.pid, engine: message.info }, "the embedding process is ready");
        running.info = message.info;
        hasLoaded = true;
        watchdog.loaded();
        warming.resolve(message.info);
        pump();
        break;
      case "loadFailed":
        running.loadFailure = message.reason;
        watchdog.exiting();
        break;
      case "heartbeat":
        watchdog.heartbeat(message.decodingForMs);
        break;
      case "log":
        logger[message.level]({ enginePid: running.process.pid }, `engine: ${message.message}`);
        break;
      default: {
        const { current } = running;
        if (current?.id !== message.id) return;
        delete running.current;
        if (message.type === "embedded") current.job.embedded(message.vector, message.tokens);
        if (message.type === "refused") current.job.refuse(message.refusal);
        pump();
      }
    }
  }

  /** What to do when the worker's process has ended, for whatever reason. */
  function bury(death: WorkerDeath): void {
    const dead = running;
    running = undefined;
    watchdog.stop();
    if (stopped) {
      exited.resolve();
      return;
    }
    if (dead === undefined || dead.ending === true) {
      pump();
      return;
    }
    const explained = { ...death, reason: dead.loadFailure ?? death.reason };
    const cause = describeDeath(explained);
    const facts = { enginePid: dead.process.pid, lastLines: death.lastLines };
    if (dead.info === undefined) {
      logger.error(facts, `the model could not be loaded for embeddings: ${cause}`);
      failWarmUp(new EngineLoadError(options.modelPath, explained));
      queue.failAll(
        new EngineUnavailableError(
          "The model could not be loaded for embeddings. The gateway's log says why; the next request tries again.",
        ),
      );
      return;
    }
    logger.error(facts, `while it made embeddings, ${cause}; its requests go on in a new one`);
    dead.current?.job.died(policy.maxDeaths);
    pump();
  }

  function failWarmUp(error: Error): void {
    const failed = warming;
    warming = Promise.withResolvers<EmbedderInfo>();
    // Only whoever warms up hears of it.
    failed.promise.catch(() => {});
    failed.reject(error);
  }

  function unavailable(): EngineUnavailableError {
    return new EngineUnavailableError("The engine for this model was stopped.");
  }

  return {
    embed(request) {
      return stopped ? Promise.reject(unavailable()) : queue.add(request);
    },
    warmUp() {
      if (stopped) return Promise.reject(new EngineStoppedError());
      if (running?.info !== undefined) return Promise.resolve(running.info);
      if (running === undefined) launch();
      return warming.promise;
    },
    get state() {
      if (stopped) return "stopped";
      return hasLoaded ? "ready" : "loading";
    },
    get pid() {
      return running?.process.pid;
    },
    stop() {
      if (stopped) return exited.promise;
      stopped = true;
      cancelIdle?.();
      watchdog.stop();
      if (running === undefined) exited.resolve();
      else running.process.end();
      failWarmUp(new EngineStoppedError());
      queue.failAll(unavailable());
      return exited.promise;
    },
  };
}

/** Why the model can't do what a request asks of any of its items. */
function findMisfit({ request, item }: EmbeddingJob, info: EmbedderInfo): EmbeddingRefusal | undefined {
  const ranks = info.pooling === "rank";
  if (item.type === "pair") return ranks ? undefined : { code: "not_a_reranker" };
  if (ranks) return { code: "only_a_reranker" };
  if (request.dimensions !== undefined && request.dimensions > info.dimensions) {
    return { code: "too_many_dimensions", modelDimensions: info.dimensions };
  }
  return undefined;
}
