import { ContextLengthExceededError, InvalidSamplingError, UnrenderablePromptError } from "../../generation/errors.ts";
import type { Rejection } from "../contract/messages.ts";

/** How a worker's process ended. */
export type WorkerDeath = {
  /** Null if a signal ended it, or if it never started. */
  readonly exitCode: number | null;
  readonly signal: string | null;
  /** The cause, if known: the worker's message, or why the host killed it. A clause without a full stop. */
  readonly reason: string | undefined;
  /** The last lines that the worker printed. */
  readonly lastLines: readonly string[];
};

/** One clause for logs and errors, such as "the engine's process was ended by SIGABRT". */
export function describeDeath({ exitCode, signal, reason }: WorkerDeath): string {
  const how =
    signal !== null
      ? `the engine's process was ended by ${signal}`
      : exitCode !== null
        ? `the engine's process exited with code ${exitCode}`
        : undefined;
  if (reason === undefined) return how ?? "the engine's process ended";
  // If the worker gave a reason and exited with 0, the exit code adds nothing.
  return how === undefined || exitCode === 0 ? reason : `${reason} (${how})`;
}

/** The model could not be loaded. The message is for the operator, not for clients. */
export class EngineLoadError extends Error {
  readonly modelPath: string;
  readonly death: WorkerDeath;

  constructor(modelPath: string, death: WorkerDeath) {
    const output = death.lastLines.map((line) => `\n  ${line}`).join("");
    super(
      `The model ${modelPath} could not be loaded: ${describeDeath(death)}.` +
        (output === "" ? "" : `\nThe engine's last lines:${output}`),
    );
    this.name = "EngineLoadError";
    this.modelPath = modelPath;
    this.death = death;
  }
}

/** The engine was stopped or unloaded before its model had loaded. */
export class EngineStoppedError extends Error {
  constructor() {
    super("The engine was stopped before its model had loaded.");
    this.name = "EngineStoppedError";
  }
}

/** A generation was cancelled because its unread text took too much memory. */
export class UnreadTextError extends Error {
  constructor(maxUnreadChars: number) {
    super(
      `The answer was cancelled because more than ${maxUnreadChars} characters of it were waiting to be read. ` +
        "Read the stream as it comes, or ask for fewer tokens.",
    );
    this.name = "UnreadTextError";
  }
}

/** A message can't be serialized: it is nested too deep, or holds something that isn't plain data. */
export class UnsendableError extends Error {
  constructor(cause: unknown) {
    super("The message can't be handed to the engine's process.", { cause });
    this.name = "UnsendableError";
  }
}

/** The error for the client of a request that could not be sent because of `error`. */
export function sendFailure(error: unknown): unknown {
  if (!(error instanceof UnsendableError)) return error;
  return new InvalidSamplingError(
    "prompt",
    "This request can't be handed to the engine: something in it is nested too deep, or is no plain value. Send less of it.",
  );
}

/** The error for the client of a sequence or query that the worker refused. */
export function rejectionError(rejection: Rejection): Error {
  switch (rejection.code) {
    case "context_length_exceeded":
      return new ContextLengthExceededError(rejection.promptTokens, rejection.contextTokens, rejection.atLeast);
    case "unrenderable_prompt":
      return new UnrenderablePromptError(rejection.reason);
    case "invalid_sampling":
      return new InvalidSamplingError(rejection.field, rejection.reason);
    case "failed":
      return new Error(`The engine could not go on with this request: ${rejection.reason}`);
  }
}
