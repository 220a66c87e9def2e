import type { Logger } from "pino";
import type { Clock } from "../../clock.ts";
import { messageOf, type Parsed } from "../contract/parse.ts";
import { UnsendableError, type WorkerDeath } from "./errors.ts";
import { createGuard } from "./guard.ts";
import type { SupervisionPolicy } from "./policy.ts";
import type { SpawnWorker, WorkerChild } from "./worker-child.ts";
import { createWorkerOutput } from "./worker-output.ts";

/** The part of the logger that the engine's host uses. */
export type EngineLogger = Pick<Logger, "debug" | "info" | "warn" | "error">;

/** A child process with typed messages and one death report. */
export type WorkerProcess<Sent> = {
  readonly pid: number | undefined;
  /**
   * Does nothing once the channel is closed, because the death is reported separately. Throws `UnsendableError` if the message can't be
   * serialized; nothing was sent then.
   */
  send(message: Sent): void;
  /** Closes the channel, upon which the worker exits. Kills it if it still runs after `stopGraceMs`. */
  end(): void;
  /** Kills it at once. The death report names `reason`. */
  kill(reason: string): void;
};

type WorkerProcessOptions<Sent, Received> = {
  readonly spawn: SpawnWorker<Sent>;
  readonly clock: Clock;
  readonly policy: Pick<SupervisionPolicy, "stopGraceMs" | "drainMs">;
  readonly logger: EngineLogger;
  readonly parse: (value: unknown) => Parsed<Received>;
  readonly onMessage: (message: Received) => void;
  /** Called exactly once, after the last message. Never before `openWorker` has returned. */
  readonly onDeath: (death: WorkerDeath) => void;
};

/** Starts a child process. A failed start is reported as a death. */
export function openWorker<Sent, Received>(options: WorkerProcessOptions<Sent, Received>): WorkerProcess<Sent> {
  const { spawn, clock, policy, logger, parse, onMessage, onDeath } = options;
  const guard = createGuard(logger);
  let reason: string | undefined;
  let exit: { exitCode: number | null; signal: string | null } = { exitCode: null, signal: null };
  let channelClosedHere = false;
  let exited = false;
  let dead = false;
  let cancelTimer: (() => void) | undefined;

  let child: WorkerChild<Sent>;
  try {
    child = spawn();
  } catch (error) {
    reason = `the engine's process could not be started: ${messageOf(error)}`;
    queueMicrotask(guard("death", () => onDeath({ ...exit, reason, lastLines: [] })));
    return { pid: undefined, send() {}, end() {}, kill() {} };
  }
  const { pid } = child;
  logger.debug({ enginePid: pid }, "the engine loads");
  const output = createWorkerOutput((line) => logger.debug({ enginePid: pid }, `engine: ${line}`));

  function die(): void {
    if (dead) return;
    dead = true;
    cancelTimer?.();
    guard("death", onDeath)({ ...exit, reason, lastLines: output.lastLines() });
  }

  function replaceTimer(delayMs: number, callback: () => void): void {
    cancelTimer?.();
    cancelTimer = clock.after(delayMs, callback);
  }

  function kill(why: string | undefined): void {
    if (exited || dead) return;
    reason ??= why;
    child.kill("SIGKILL");
  }

  output.follow(child.stdout);
  output.follow(child.stderr);

  child.on(
    "message",
    guard("message", (value: unknown) => {
      if (dead) return;
      const parsed = parse(value);
      if ("message" in parsed) onMessage(parsed.message);
      else kill(`the engine's process sent a message that is not in the contract: ${parsed.problem}`);
    }),
  );
  child.on("error", (error) => {
    if (pid === undefined) {
      reason ??= `the engine's process could not be started: ${error.message}`;
      replaceTimer(policy.drainMs, die);
    } else {
      logger.debug({ enginePid: pid, err: error }, "engine: error event of the child process");
    }
  });
  child.on("disconnect", () => {
    // Usually the process has exited, and this is the first sign of it. A process without its channel is of no use.
    if (exited || dead) return;
    replaceTimer(policy.stopGraceMs, () => kill("the engine's process closed its channel and did not exit"));
  });
  child.on("exit", (exitCode, signal) => {
    exited = true;
    exit = { exitCode, signal };
    // `close` is emitted when the channel and the output have been read. It never comes if another process holds them open.
    if (dead) return;
    replaceTimer(policy.drainMs, die);
    // Node emits no `close` if the channel was closed from this side (seen in 24.21). No message can be missed then.
    if (channelClosedHere) void output.ended().then(die);
  });
  child.on("close", die);

  return {
    pid,
    send(message) {
      // Without a callback, a failed send becomes an `error` event.
      try {
        child.send(message, () => {});
      } catch (error) {
        throw new UnsendableError(error);
      }
    },
    end() {
      if (exited || dead) return;
      if (child.connected) {
        channelClosedHere = true;
        child.disconnect();
      }
      replaceTimer(policy.stopGraceMs, () => kill("the engine's process did not exit when asked"));
    },
    kill,
  };
}
