import type { HeldHangUps } from "./hang-up.ts";
import type { SignalSource } from "./interrupts.ts";

/** The environment of a command, which tests replace. */
export type CliContext = {
  /** For the command's output. */
  readonly stdout: Output;
  /** For the log, progress and errors. */
  readonly stderr: Output;
  /** The piped input; absent if there can be none. */
  readonly stdin?: NodeJS.ReadableStream & {
    readonly isTTY?: boolean;
    /** Of a terminal: whether keys come as they are pressed. */
    readonly setRawMode?: (isRaw: boolean) => unknown;
  };
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  /** What came before the command ran; absent if nothing was held. */
  readonly hangUps?: HeldHangUps;
  /** Emits signals and uncaught errors, and can exit at once. */
  readonly process: SignalSource & FaultSource & { exit(code: number): void };
};

/** Emits uncaught errors and unhandled rejections. */
type FaultSource = {
  on(event: "uncaughtException", listener: (error: Error) => void): unknown;
  off(event: "uncaughtException", listener: (error: Error) => void): unknown;
};

export type Output = NodeJS.WritableStream & {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
};

/**
 * The exit codes, which docs/cli.md describes: `unreachable` for no gateway at the URL, `refused` for one that won't do it, `busy` for one that may
 * do it later. A program that a signal has ended exits with 128 and the signal's number.
 */
export const EXIT = { done: 0, failed: 1, wrongUsage: 2, unreachable: 3, refused: 4, busy: 5 } as const;
