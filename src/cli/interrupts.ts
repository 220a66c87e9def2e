import { LAUNCHED_VARIABLE } from "../config/environment.ts";
import type { HeldHangUps } from "./hang-up.ts";

/**
 * The signals that ask the program to end. SIGINT is Ctrl+C; SIGTERM comes from service managers and containers; SIGHUP from a terminal that is
 * closed. Without a terminal, SIGHUP asks for a reload.
 */
const SIGNAL_NUMBERS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;

export type EndSignal = keyof typeof SIGNAL_NUMBERS;

/** The part of `process` that is needed, so that tests can replace it. */
export type SignalSource = {
  on(signal: EndSignal, listener: (signal: EndSignal) => void): unknown;
  off(signal: EndSignal, listener: (signal: EndSignal) => void): unknown;
};

/** The abort reason of `Interrupts.signal`. */
export class InterruptedError extends Error {
  readonly signalName: EndSignal;

  constructor(signalName: EndSignal) {
    super(`stopped by ${signalName}`);
    this.name = "InterruptedError";
    this.signalName = signalName;
  }

  /** The exit code of a program ended by a signal: 129, 130 or 143. */
  get exitCode(): number {
    return 128 + SIGNAL_NUMBERS[this.signalName];
  }
}

export type Interrupts = {
  /** Aborts at the first signal, with an InterruptedError. */
  readonly signal: AbortSignal;
  /** Removes the signal handlers. */
  dispose(): void;
};

/**
 * `npm start` gets Ctrl+C along with us and passes it on, so that one press arrives twice:
 * https://github.com/npm/run-script/blob/main/lib/signal-manager.js. So does `bin/sluice.js`. People take longer between two presses.
 */
const ECHO_MS = 500;

/**
 * Watches for SIGINT and SIGTERM, and for SIGHUP if there is `hangUp`. The first aborts `signal`; the next calls `exitNow` with its exit code. `now`
 * is a clock in ms.
 */
export function watchInterrupts(options: {
  readonly source: SignalSource;
  readonly exitNow: (interrupted: InterruptedError) => void;
  readonly env: NodeJS.ProcessEnv;
  readonly now?: () => number;
  readonly hangUp?: {
    /** Whether the program had a terminal that was closed. */
    readonly isTerminalGone: () => boolean;
    readonly onReload: () => void;
    /** Those that came before. */
    readonly held?: HeldHangUps | undefined;
  };
}): Interrupts {
  const { source, exitNow, env, now = Date.now, hangUp } = options;
  const controller = new AbortController();
  const echoMs = (env.npm_lifecycle_event ?? env[LAUNCHED_VARIABLE]) === undefined ? 0 : ECHO_MS;
  let first: { readonly name: EndSignal; readonly at: number } | undefined;

  const onSignal = (name: EndSignal): void => {
    if (first === undefined) {
      first = { name, at: now() };
      controller.abort(new InterruptedError(name));
    } else if (name !== first.name || now() - first.at >= echoMs) {
      exitNow(new InterruptedError(name));
    }
  };
  const onHangUp = (name: EndSignal): void => {
    if (hangUp?.isTerminalGone() === false) hangUp.onReload();
    else onSignal(name);
  };
  source.on("SIGINT", onSignal);
  source.on("SIGTERM", onSignal);
  if (hangUp !== undefined) source.on("SIGHUP", onHangUp);
  if (hangUp?.held?.release() === true) onHangUp("SIGHUP");
  return {
    signal: controller.signal,
    dispose() {
      source.off("SIGINT", onSignal);
      source.off("SIGTERM", onSignal);
      source.off("SIGHUP", onHangUp);
    },
  };
}
