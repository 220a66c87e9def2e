import type { BackendState } from "../../generation/backend.ts";
import { EngineUnavailableError } from "../../generation/errors.ts";
import { createBackoff } from "./backoff.ts";
import { describeDeath, EngineLoadError, EngineStoppedError, type WorkerDeath } from "./errors.ts";
import { createGuard } from "./guard.ts";
import { type ModelProcess, type ModelProcessOptions, openModelProcess } from "./model-process.ts";

/**
 * The life cycle of a child process with a model, for engines, embedders and vocabularies:
 *
 *     unloaded ── load, request ──▶ loading ── loaded ──▶ ready ◀── loaded ── restarting
 *        ▲                           ▲   │                │  │                 ▲   │  ▲
 *        │              after a pause│   │ death          │  └──── death ──────┘   │  │ death, up to
 *        │              load, request│   ▼                │                        │  │ maxFailedRestarts
 *        │                          failed ◀──────────────┼──── one death more ────┘──┘
 *        │                                                │
 *        └────────── exit ────────── unloading ◀── unload, idle ── (from loading and restarting, too)
 *
 * `stop` leads to the final state `stopped` from any other. A process that is kept only while it is used (`idleMs`) and dies without work
 * becomes unloaded instead of restarting. If there is work when an unloading process has exited, the next process is loaded.
 */
export type LifeState = BackendState | "stopped";

/** Room in this machine's memory, for one process at a time. */
export type Room = {
  /**
   * Calls `grant` once there is room, at once if there is, or `refuse` with the error for whoever asked for the model. Returns a function that
   * gives the room back, or up.
   */
  take(grant: () => void, refuse: (error: Error) => void): () => void;
};

type UnloadOptions = {
  /** Whether the process finishes its work first; true by default. Otherwise the work fails with `EngineUnavailableError`. */
  readonly drain?: boolean;
};

/** The part of a life cycle that engines and embedders expose. */
export type Living<Info> = {
  readonly state: LifeState;
  /** What the last process reported about the model; undefined until the first process has loaded it. */
  readonly info: Info | undefined;
  readonly pid: number | undefined;
  /** Whether there is any work, waiting or in the process. */
  readonly isBusy: boolean;
  /** The memory that the process takes, as it last reported; undefined without one. */
  readonly memoryBytes: number | undefined;
  /** Calls `listener` after each change of the state; for `ready`, before any work is sent. Returns a function that unsubscribes. */
  onStateChange(listener: (state: LifeState) => void): () => void;
  /**
   * Loads the model, even if an earlier load failed. Rejects with `EngineLoadError` if it can't be loaded, and with `EngineStoppedError` if
   * it is stopped or unloaded meanwhile. Resolves at once if it is loaded.
   */
  load(): Promise<Info>;
  /**
   * Starts a process for a request unless one is running or starting. Throws `EngineUnavailableError` if none can be started now, and the
   * error of `Room` if there is no room for it.
   */
  demand(): void;
  /** Ends the process until the next `load` or request. Resolves when it has exited. */
  unload(options?: UnloadOptions): Promise<void>;
  /** Ends the process for good and fails its work with `EngineUnavailableError`. Resolves when it has exited. */
  stop(): Promise<void>;
};

type LifeCycle<Info> = Living<Info> & {
  /** Resolves to `info` once it is known, with a `demand` if needed. Rejects with `EngineUnavailableError`. */
  known(): Promise<Info>;
  /** Kills a process that hangs. It is replaced if there is work. */
  kill(reason: string): void;
  /** To be called after the amount of work has changed: the process may have become idle or busy. */
  look(): void;
};

type LifeCycleOptions<Sent, Info, News extends { readonly type: string }> = ModelProcessOptions<Sent, Info, News> & {
  /** For logs, such as "the engine". */
  readonly name: string;
  /** The sentence that clients get if the model can't be loaded. */
  readonly failure: string;
  readonly modelPath: string;
  /** Where a process needs room before it starts; it keeps it over restarts, until its model is unloaded or given up. */
  readonly room?: Room | undefined;
  /** Whether the process is kept without work; true by default, unless the policy has an idle limit. */
  readonly isKept?: (() => boolean) | undefined;
  /** The fields of `info` to log. */
  readonly facts?: (info: Info) => object;
  readonly work: Work<Sent, News>;
};

type Work<Sent, News> = {
  /** Whether there is any work, waiting or submitted. */
  isInHand(): boolean;
  /** Whether the process has work to finish. */
  isSubmitted(): boolean;
  /** A process has loaded and takes the waiting work. */
  onReady(send: (message: Sent) => void): void;
  /** The process takes no more work. It still finishes what it has. */
  onHold(): void;
  onNews(news: News): void;
  /** The process of the last `onReady` is gone. */
  onLost(): void;
  /** All work must fail with this error. */
  onFailed(error: Error): void;
};

/** More of a cause is left to the log. */
const MAX_REASON = 200;

export function createLifeCycle<Sent, Info, News extends { readonly type: string }>(
  given: LifeCycleOptions<Sent, Info, News>,
): LifeCycle<Info> {
  const { name, clock, policy, logger, work, room, isKept = () => policy.idleMs === undefined } = given;
  const guard = createGuard(logger);
  const backoff = createBackoff(clock, policy);
  const listeners = new Set<(state: LifeState) => void>();
  let state: LifeState = "unloaded";
  let child: ModelProcess<Sent> | undefined;
  let info: Info | undefined;
  let loading = handledPromise<Info>();
  let exited = Promise.withResolvers<void>();
  /** Whether a caller waits for `load` and gets its error. */
  let isAsked = false;
  /** The timer of the idle limit, the next restart, or the next try after a failure. */
  let cancelTimer: (() => void) | undefined;
  /** Gives the room back, or stops waiting for it. */
  let leaveRoom: (() => void) | undefined;
  /** Why the last process that was asked for didn't get room. */
  let refusal: Error | undefined;
  /** The sentence for clients after a failed load. */
  let failure = given.failure;

  function change(next: LifeState): void {
    stopTimer();
    if (state === next) return;
    state = next;
    for (const listener of [...listeners]) guard("state", listener)(next);
  }

  function stopTimer(): void {
    cancelTimer?.();
    cancelTimer = undefined;
  }

  function begin(): void {
    refusal = undefined;
    change("loading");
    if (room === undefined) {
      launch();
      return;
    }
    const leave = room.take(launch, refuse);
    // It may have been refused, or launched and ended, within the call.
    if (refusal === undefined) leaveRoom = leave;
  }

  function refuse(error: Error): void {
    if (state !== "loading" || child !== undefined) return;
    refusal = error;
    leaveRoom = undefined;
    change("unloaded");
    rejectLoading(error);
    work.onFailed(error);
  }

  function giveRoomBack(): void {
    leaveRoom?.();
    leaveRoom = undefined;
  }

  function launch(): void {
    child = openModelProcess<Sent, Info, News>(given, { onLoaded: becomeReady, onNews: take, onDeath: bury });
  }

  function take(news: News): void {
    if (state === "ready" || state === "unloading") work.onNews(news);
  }

  function becomeReady(found: Info): void {
    if (child === undefined || (state !== "loading" && state !== "restarting")) return;
    const { send, pid } = child;
    const again = state === "restarting" ? " again" : "";
    logger.info({ enginePid: pid, engine: given.facts?.(found) }, `${name} is ready${again}`);
    info = found;
    backoff.loaded();
    isAsked = false;
    change("ready");
    loading.resolve(found);
    loading = handledPromise();
    work.onReady(send);
    look();
  }

  /** Handles the end of the worker's process. */
  function bury(death: WorkerDeath): void {
    const facts = { enginePid: child?.pid, lastLines: death.lastLines };
    const isExpected = child?.isEnding === true;
    child = undefined;
    switch (state) {
      case "ready":
        logger.error(facts, `${describeDeath(death)}; its requests go on in a new one`);
        backoff.died();
        stopTimer();
        work.onLost();
        if (isKept() || work.isInHand()) restart();
        else becomeUnloaded();
        break;
      case "restarting":
        logger.error(facts, `${name} could not load the model again: ${describeDeath(death)}`);
        if (backoff.restartFailed()) restart();
        else fail(death);
        break;
      case "loading":
        if (!isAsked) logger.error(facts, `${name} could not load the model: ${describeDeath(death)}`);
        fail(death);
        break;
      case "unloading":
        if (!isExpected) logger.error(facts, describeDeath(death));
        work.onLost();
        haveExited();
        giveRoomBack();
        if (isAsked || work.isInHand()) begin();
        else change("unloaded");
        break;
      default:
        giveRoomBack();
        haveExited();
    }
  }

  function becomeUnloaded(): void {
    giveRoomBack();
    change("unloaded");
  }

  function restart(): void {
    const delayMs = backoff.restart();
    change("restarting");
    logger.info({ delayMs }, `${name} is started again`);
    if (delayMs === 0) launch();
    else cancelTimer = clock.after(delayMs, launch);
  }

  function fail(death: WorkerDeath): void {
    const delayMs = backoff.failed();
    failure = given.failure.replace(/\.$/, `${forClients(death)}.`);
    giveRoomBack();
    change("failed");
    rejectLoading(new EngineLoadError(given.modelPath, death));
    work.onFailed(unavailable());
    // If the model has never been loaded, the next request or `load` tries again.
    if (!isKept() || info === undefined) return;
    logger.error({ delayMs }, `${name} is given up for now, and tried again later`);
    cancelTimer = clock.after(delayMs, begin);
  }

  function rejectLoading(error: Error): void {
    isAsked = false;
    loading.reject(error);
    loading = handledPromise();
  }

  function haveExited(): void {
    exited.resolve();
    if (state !== "stopped") exited = Promise.withResolvers();
  }

  function look(): void {
    if (state === "ready" && policy.idleMs !== undefined) {
      if (work.isInHand()) stopTimer();
      else cancelTimer ??= clock.after(policy.idleMs, endIdle);
    } else if (state === "unloading" && child?.isEnding === false && !work.isSubmitted()) child.end();
  }

  function endIdle(): void {
    logger.info({ enginePid: child?.pid }, `${name} ends: it was idle`);
    startUnloading();
    look();
  }

  function startUnloading(): void {
    change("unloading");
    work.onHold();
  }

  /** The error for requests while no process can be started. */
  function unavailable(): EngineUnavailableError {
    if (state !== "failed") {
      return new EngineUnavailableError(
        `The engine for this model was ${state === "stopped" ? "stopped" : "unloaded"}.`,
      );
    }
    const seconds = Math.ceil(backoff.retryInMs / 1000);
    const next = seconds > 0 ? `it is tried again in ${seconds} s` : "the next request tries again";
    return new EngineUnavailableError(`${failure} The gateway's log says more; ${next}.`);
  }

  function demand(): void {
    if (state === "stopped" || (state === "failed" && backoff.retryInMs > 0)) throw unavailable();
    if (state !== "unloaded" && state !== "failed") return;
    begin();
    if (refusal !== undefined) throw refusal;
  }

  async function known(): Promise<Info> {
    if (info !== undefined) return info;
    demand();
    if (state === "unloading") return exited.promise.then(known);
    return loading.promise.catch(() => {
      throw refusal ?? unavailable();
    });
  }

  return {
    get state() {
      return state;
    },
    get info() {
      return info;
    },
    get pid() {
      return child?.pid;
    },
    get isBusy() {
      return work.isInHand();
    },
    get memoryBytes() {
      return child?.memoryBytes;
    },
    onStateChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    async load() {
      if (state === "stopped") throw new EngineStoppedError();
      if (state === "ready" && info !== undefined) return info;
      isAsked = true;
      // Taken before it begins, since a refusal may come at once.
      const { promise } = loading;
      if (state === "unloaded" || state === "failed") begin();
      return promise;
    },
    async unload({ drain = true } = {}) {
      if (state === "stopped") return exited.promise;
      if (child === undefined) {
        becomeUnloaded();
        rejectLoading(new EngineStoppedError());
        if (!drain) work.onFailed(unavailable());
        else if (work.isInHand()) begin();
        return;
      }
      if (state !== "unloading") {
        startUnloading();
        rejectLoading(new EngineStoppedError());
      }
      if (!drain) work.onFailed(unavailable());
      const { promise } = exited;
      look();
      return promise;
    },
    async stop() {
      if (state === "stopped") return exited.promise;
      change("stopped");
      rejectLoading(new EngineStoppedError());
      if (child === undefined) {
        giveRoomBack();
        exited.resolve();
      } else child.end();
      work.onFailed(unavailable());
      return exited.promise;
    },
    demand,
    known,
    kill: (reason) => child?.kill(reason),
    look,
  };
}

/** The cause as the end of a sentence, without any path of this machine; empty if it is not known. */
function forClients({ reason, signal }: WorkerDeath): string {
  if (reason === undefined) return signal === null ? "" : `: its process was ended by ${signal}`;
  return `: ${reason.replaceAll(/\S*[/\\]\S*/g, "…").slice(0, MAX_REASON)}`;
}

function handledPromise<T>(): PromiseWithResolvers<T> {
  const settled = Promise.withResolvers<T>();
  settled.promise.catch(() => {});
  return settled;
}
