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
