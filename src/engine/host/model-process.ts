import type { Clock } from "../../clock.ts";
import type { LifeSign, Parsed } from "../contract/parse.ts";
import type { WorkerDeath } from "./errors.ts";
import type { LifePolicy } from "./policy.ts";
import { createWatchdog } from "./watchdog.ts";
import type { SpawnWorker } from "./worker-child.ts";
import { type EngineLogger, openWorker, type WorkerProcess } from "./worker-process.ts";

/** A child process with a model. It is killed if it hangs. */
export type ModelProcess<Sent> = WorkerProcess<Sent> & {
  /** Whether it was told to exit. */
  readonly isEnding: boolean;
  /** The memory that it takes, as it last reported; undefined before. */
  readonly memoryBytes: number | undefined;
};

export type ModelProcessOptions<Sent, Info, News extends { readonly type: string }> = {
  readonly spawn: SpawnWorker<Sent>;
  readonly parse: (value: unknown) => Parsed<LifeSign<Info> | News>;
  /** The first message to the process. */
  readonly loadMessage: () => Sent;
  /** Whether a loaded process sends heartbeats. */
  readonly beats: boolean;
  /** Its timer callbacks must not throw (see `guardClock`). */
  readonly clock: Clock;
  readonly policy: LifePolicy;
  readonly logger: EngineLogger;
};

type Listeners<Info, News> = {
  /** The model is loaded. Not called after `end`. */
  onLoaded(info: Info): void;
  onNews(news: News): void;
  /** Called exactly once, after the last message. */
  onDeath(death: WorkerDeath): void;
};

/** Starts a process that loads its model. */
export function openModelProcess<Sent, Info, News extends { readonly type: string }>(
  { spawn, parse, loadMessage, beats, clock, policy, logger }: ModelProcessOptions<Sent, Info, News>,
  { onLoaded, onNews, onDeath }: Listeners<Info, News>,
): ModelProcess<Sent> {
  let loadFailure: string | undefined;
  let isEnding = false;
  let memoryBytes: number | undefined;
  const watchdog = createWatchdog({ clock, policy, onHung: (reason) => worker.kill(reason) });
  const worker = openWorker({ spawn, clock, policy, logger, parse, onMessage: handle, onDeath: bury });

  function handle(message: LifeSign<Info> | News): void {
    if (!isLifeSign(message)) {
      onNews(message);
      return;
    }
    switch (message.type) {
      case "loaded":
        if (isEnding) break;
        if (beats) watchdog.loaded();
        else watchdog.stop();
        onLoaded(message.info);
        break;
      case "loadFailed":
        loadFailure = message.reason;
        watchdog.exiting();
        break;
      case "heartbeat":
        watchdog.heartbeat(message.decodingForMs);
        memoryBytes = message.memoryBytes ?? memoryBytes;
        break;
      case "log":
        logger[message.level]({ enginePid: worker.pid }, `engine: ${message.message}`);
    }
  }

  function bury(death: WorkerDeath): void {
    watchdog.stop();
    onDeath({ ...death, reason: loadFailure ?? death.reason });
  }

  watchdog.loading();
  worker.send(loadMessage());
  return {
    pid: worker.pid,
    get isEnding() {
      return isEnding;
    },
    get memoryBytes() {
      return memoryBytes;
    },
    send: worker.send,
    end() {
      isEnding = true;
      watchdog.stop();
      worker.end();
    },
    kill: worker.kill,
  };
}

function isLifeSign<Info, News extends { readonly type: string }>(
  message: LifeSign<Info> | News,
): message is LifeSign<Info> {
  return ["loaded", "loadFailed", "heartbeat", "log"].includes(message.type);
}
