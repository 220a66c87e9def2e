/** What is wrong with a model file. */
export type GgufErrorCode =
  | "not_found"
  | "not_a_file"
  | "unreadable"
  | "empty"
  | "not_gguf"
  | "unsupported_version"
  | "truncated"
  | "malformed"
  | "unsupported_tensor_type"
  | "unsupported_architecture"
  | "split_parts_missing"
  | "not_first_part";

/** A file that must not reach llama.cpp. The message names the file, what is wrong and what to do. */
export class GgufError extends Error {
  override readonly name = "GgufError";
  readonly code: GgufErrorCode;
  readonly path: string;
  /** The message without the path in front: `is cut short: …`. */
  readonly reason: string;

  constructor(code: GgufErrorCode, path: string, reason: string) {
    super(`${path} ${reason}`);
    this.code = code;
    this.path = path;
    this.reason = reason;
  }
}

/** The catalogue can't be read, or an entry in it is not valid. The message names the file, the entry and the field. */
export class CatalogueError extends Error {
  override readonly name = "CatalogueError";
  readonly path: string;

  constructor(path: string, reason: string) {
    super(`${path}: ${reason}`);
    this.path = path;
  }
}

/** A model name that is neither in the catalogue nor a URI or path that could be followed. */
export class UnknownModelError extends Error {
  override readonly name = "UnknownModelError";
  readonly model: string;
  readonly available: readonly string[];

  constructor(model: string, reason: string, available: readonly string[]) {
    super(reason);
    this.model = model;
    this.available = available;
  }
}

/** A file that stands in the models folder under the model's name, and is not that model. */
export class ModelFileError extends Error {
  override readonly name = "ModelFileError";
  readonly path: string;

  constructor(path: string, reason: string) {
    super(`${path} ${reason}`);
    this.path = path;
  }
}

/** One source that was tried, and the sentence that says why it did not give the model. */
export type SourceAttempt = { readonly source: string; readonly reason: string };

/** No source gave the model. The message lists every attempt and says what to do. */
export class ModelUnavailableError extends Error {
  override readonly name = "ModelUnavailableError";
  readonly model: string;
  readonly attempts: readonly SourceAttempt[];

  constructor(model: string, attempts: readonly SourceAttempt[], advice: readonly string[]) {
    const tried = attempts.map(({ source, reason }) => `  - ${source}: ${reason}`);
    const todo = advice.map((line) => `  - ${line}`);
    super([`The model ${model} could not be fetched. Tried:`, ...tried, "What to do:", ...todo].join("\n"));
    this.model = model;
    this.attempts = attempts;
  }
}

/** Why one source failed. Internal to this room: `ensureModel` turns it into a `SourceAttempt` and goes on to the next source. */
export class SourceError extends Error {
  override readonly name = "SourceError";
  /** What the user can do about it, if that is more than trying again. */
  readonly advice: string | undefined;
  /** Whether the same request might go well a moment later. */
  readonly isTransient: boolean;

  constructor(reason: string, { advice, isTransient = false }: { advice?: string; isTransient?: boolean } = {}) {
    super(reason);
    this.advice = advice;
    this.isTransient = isTransient;
  }
}

/** The message of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
