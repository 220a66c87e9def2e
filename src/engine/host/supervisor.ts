import type { Clock } from "../../clock.ts";
import type { EngineInfo, EngineOptions, HostMessage, WorkerMessage } from "../contract/messages.ts";
import { restartDelayMs } from "./backoff.ts";
import { EngineLoadError, EngineStoppedError } from "./errors.ts";
import type { SupervisionPolicy } from "./policy.ts";
import { createWatchdog } from "./watchdog.ts";
import type { SpawnWorker } from "./worker-child.ts";
import { describeDeath, type WorkerDeath } from "./worker-death.ts";
import { type EngineLogger, openWorker, type WorkerProcess } from "./worker-process.ts";

/**
 * `loading`: until the first worker has loaded the model. `ready`: a worker takes requests. `restarting`: it died and another is on
 * its way. `failed`: none will come. `stopped`: none is wanted.
 */
export type EngineState = "loading" | "ready" | "restarting" | "failed" | "stopped";

/** Keeps one loaded worker alive. */
export type Supervisor = {
  /** Starts the first worker. Rejects with `EngineLoadError` when its model does not load, and does not try again. */
  start(): Promise<EngineInfo>;
  /** Ends the worker; resolves when its process has exited. */
  stop(): Promise<void>;
  readonly state: EngineState;
  readonly info: EngineInfo | undefined;
  readonly pid: number | undefined;
};

export type SupervisorOptions = {
  readonly options: EngineOptions;
  readonly spawn: SpawnWorker;
  readonly clock: Clock;
  readonly policy: SupervisionPolicy;
  readonly logger: EngineLogger;
  /** A worker has loaded its model. */
  readonly onReady: (send: (message: HostMessage) => void) => void;
  /** The worker that was ready is gone. */
  readonly onLost: () => void;
  readonly onMessage: (message: Extract<WorkerMessage, { type: "step" | "rejected" | "answer" }>) => void;
  /** The state has become `failed`. */
  readonly onFailed: () => void;
};

export function createSupervisor(given: SupervisorOptions): Supervisor {
  const { options, spawn, clock, policy, logger, onReady, onLost, onMessage, onFailed } = given;
  const firstLoad = Promise.withResolvers<EngineInfo>();
  // Whoever calls `start` hears of it; without a `start` there is nobody to hear.
  firstLoad.promise.catch(() => {});
  const exited = Promise.withResolvers<void>();

  let state: EngineState = "loading";
  let launched = false;
  let info: EngineInfo | undefined;
  let worker: WorkerProcess | undefined;
  let loadFailure: string | undefined;
  let readyAt = 0;
  let restartsInARow = 0;
  let failedRestarts = 0;
  let cancelRestart: (() => void) | undefined;
  const watchdog = createWatchdog({ clock, policy, onHung: (reason) => worker?.kill(reason) });

  function launch(): void {
    launched = true;
    loadFailure = undefined;
    worker = openWorker({ spawn, clock, policy, logger, onMessage: handle, onDeath: bury });
    watchdog.loading();
    worker.send({ type: "load", options });
  }

  function handle(message: WorkerMessage): void {
    switch (message.type) {
      case "loaded":
        becomeReady(message.info);
        break;
      case "loadFailed":
        loadFailure = message.reason;
        watchdog.exiting();
        break;
      case "heartbeat":
        watchdog.heartbeat(message.decodingForMs);
        break;
      case "log":
        logger[message.level]({ enginePid: worker?.pid }, `engine: ${message.message}`);
        break;
      case "step":
      case "rejected":
      case "answer":
        if (state === "ready") onMessage(message);
    }
  }

  function becomeReady(loadedInfo: EngineInfo): void {
    if (worker === undefined || (state !== "loading" && state !== "restarting")) return;
    const { send, pid } = worker;
    const { chatTemplate, ...engine } = loadedInfo;
    logger.info({ enginePid: pid, engine }, state === "loading" ? "the engine is ready" : "the engine is ready again");
    state = "ready";
    info = loadedInfo;
    readyAt = clock.now();
    failedRestarts = 0;
    watchdog.loaded();
    firstLoad.resolve(loadedInfo);
    onReady(send);
  }

  /** What to do when the worker's process has ended, for whatever reason. */
  function bury(death: WorkerDeath): void {
    const pid = worker?.pid;
    const cause = { ...death, reason: loadFailure ?? death.reason };
    worker = undefined;
    watchdog.stop();
    if (state === "stopped") {
      exited.resolve();
    } else if (state === "loading") {
      state = "failed";
      firstLoad.reject(new EngineLoadError(options.modelPath, cause));
      onFailed();
    } else if (state === "ready") {
      state = "restarting";
      logger.error(
        { enginePid: pid, lastLines: death.lastLines },
        `${describeDeath(cause)}; its requests go on in a new one`,
      );
      if (clock.now() - readyAt >= policy.healthyAfterMs) restartsInARow = 0;
      onLost();
      restart();
    } else {
      failedRestarts += 1;
      logger.error(
        { enginePid: pid, lastLines: death.lastLines },
        `the model could not be loaded again: ${describeDeath(cause)}`,
      );
      if (failedRestarts < policy.maxFailedRestarts) restart();
      else giveUp();
    }
  }

  function restart(): void {
    const delayMs = restartDelayMs(restartsInARow, policy);
    restartsInARow += 1;
    logger.info({ delayMs }, "the engine is started again");
    if (delayMs === 0) launch();
    else cancelRestart = clock.after(delayMs, launch);
  }

  function giveUp(): void {
    state = "failed";
    logger.error({ failedRestarts }, "the engine is given up; mend the cause and restart Sluice");
    onFailed();
  }

  return {
    start() {
      if (!launched && state === "loading") launch();
      return firstLoad.promise;
    },
    stop() {
      if (state === "stopped") return exited.promise;
      state = "stopped";
      cancelRestart?.();
      watchdog.stop();
      firstLoad.reject(new EngineStoppedError());
      if (worker === undefined) exited.resolve();
      else worker.end();
      return exited.promise;
    },
    get state() {
      return state;
    },
    get info() {
      return info;
    },
    get pid() {
      return worker?.pid;
    },
  };
}
