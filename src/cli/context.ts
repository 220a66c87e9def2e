import type { SignalSource } from "./interrupts.ts";

/** What a command has of the outside world. Tests hand in their own. */
export type CliContext = {
  /** Takes what the command was asked for. */
  readonly stdout: Output;
  /** Takes everything said along the way: the log, progress, errors. */
  readonly stderr: Output;
  /** What is piped in; absent where nothing can be. */
  readonly stdin?: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  /** Brings signals and errors that nobody caught, and ends at once when told to. */
  readonly process: SignalSource & FaultSource & { exit(code: number): void };
};

/** Where an error that nobody caught shows up, a rejected promise's included. */
type FaultSource = {
  on(event: "uncaughtException", listener: (error: Error) => void): unknown;
  off(event: "uncaughtException", listener: (error: Error) => void): unknown;
};

export type Output = NodeJS.WritableStream & { readonly isTTY?: boolean; readonly columns?: number };

/** Exit codes, as most command lines have them. */
export const EXIT = { done: 0, failed: 1, wrongUsage: 2 } as const;
