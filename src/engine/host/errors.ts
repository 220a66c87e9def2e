import { ContextLengthExceededError, InvalidSamplingError, UnrenderablePromptError } from "../../generation/errors.ts";
import type { Rejection } from "../contract/messages.ts";

/** How a worker's process ended. */
export type WorkerDeath = {
  /** Null when a signal ended it, or when it never started. */
  readonly exitCode: number | null;
  readonly signal: string | null;
  /** What is known beyond that: the worker's own words, or why the host killed it. A clause without a full stop. */
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
  // A worker that said why it ends and then ended well has said all.
  return how === undefined || exitCode === 0 ? reason : `${reason} (${how})`;
}

/** The model could not be loaded when the engine was started. For the person who starts Sluice, not for a client. */
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

/** The engine was stopped before its model had loaded. */
export class EngineStoppedError extends Error {
  constructor() {
    super("The engine was stopped before its model had loaded.");
    this.name = "EngineStoppedError";
  }
}

/** Nobody read a generation's text for so long that keeping it would cost too much memory; the generation was cancelled. */
export class UnreadTextError extends Error {
  constructor(maxUnreadChars: number) {
    super(
      `The answer was cancelled because more than ${maxUnreadChars} characters of it were waiting to be read. ` +
        "Read the stream as it comes, or ask for fewer tokens.",
    );
    this.name = "UnreadTextError";
  }
}

/** A message can't be written for another process: values nested too deep, or of a kind that only lives in this one. */
export class UnsendableError extends Error {
  constructor(cause: unknown) {
    super("The message can't be handed to the engine's process.", { cause });
    this.name = "UnsendableError";
  }
}

/** What a request is told that `error` kept from the engine. */
export function sendFailure(error: unknown): unknown {
  if (!(error instanceof UnsendableError)) return error;
  return new InvalidSamplingError(
    "prompt",
    "This request can't be handed to the engine: something in it is nested too deep, or is no plain value. Send less of it.",
  );
}

/** The error that a client gets for a sequence that the worker refused. */
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
