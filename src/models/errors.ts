/** The problem with a model file. */
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
  | "not_first_part"
  | "not_an_adapter";

/** A file that llama.cpp must not load. The message names the file, the problem and the way out. */
export class GgufError extends Error {
  override readonly name = "GgufError";
  readonly code: GgufErrorCode;
  readonly path: string;
  /** The message without the path: `is cut short: …`. */
  readonly reason: string;

  constructor(code: GgufErrorCode, path: string, reason: string) {
    super(`${path} ${reason}`);
    this.code = code;
    this.path = path;
    this.reason = reason;
  }
}

/** An adapter in the settings can't be served. */
export class AdapterError extends Error {
  override readonly name = "AdapterError";
}

/** The catalogue can't be read, or an entry is invalid. The message names the file, the entry and the field. */
export class CatalogueError extends Error {
  override readonly name = "CatalogueError";
  readonly path: string;

  constructor(path: string, reason: string) {
    super(`${path}: ${reason}`);
    this.path = path;
  }
}

/** A model name that is neither in the catalogue nor a valid URI or path. */
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

/** A file in the models folder that has the model's name, but is not that model. */
export class ModelFileError extends Error {
  override readonly name = "ModelFileError";
  readonly path: string;

  constructor(path: string, reason: string) {
    super(`${path} ${reason}`);
    this.path = path;
  }
}

/** A source that was tried, and the reason of its failure. */
export type SourceAttempt = { readonly source: string; readonly reason: string };

/** No source has the model. The message lists every attempt and the way out. */
export class ModelUnavailableError extends Error {
  override readonly name = "ModelUnavailableError";
  readonly model: string;
  readonly attempts: readonly SourceAttempt[];

  constructor(model: string, attempts: readonly SourceAttempt[], advice: readonly string[]) {
    const tried = attempts.map(({ source, reason }) => `  - ${source}: ${reason}`);
    const todo = advice.map((line) => `  - ${line}`);
    super([`The model ${model} could not be downloaded. Tried:`, ...tried, "What to do:", ...todo].join("\n"));
    this.model = model;
    this.attempts = attempts;
  }
}

/** The failure of one source. Internal to this room: `ensureModel` records it as a `SourceAttempt` and tries the next source. */
export class SourceError extends Error {
  override readonly name = "SourceError";
  /** The way out, if it is more than trying again. */
  readonly advice: string | undefined;
  /** Whether the same request may succeed a moment later. */
  readonly isTransient: boolean;

  constructor(reason: string, { advice, isTransient = false }: { advice?: string; isTransient?: boolean } = {}) {
    super(reason);
    this.advice = advice;
    this.isTransient = isTransient;
  }
}

/** Returns the message of any thrown value. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
