import { InvalidSamplingError } from "../../generation/errors.ts";
import { describeDeath, type WorkerDeath } from "./worker-death.ts";

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
