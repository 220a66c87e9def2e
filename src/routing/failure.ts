import {
  ContextLengthExceededError,
  EngineCrashedError,
  EngineUnavailableError,
  GenerationError,
  InsufficientMemoryError,
  LocalOnlyError,
  ModelNotFoundError,
  mayChange,
  NotCachedError,
  NotSupportedByModelError,
  OverloadedError,
  UnrenderablePromptError,
  UnsupportedFieldError,
  UpstreamError,
} from "../generation/errors.ts";

/**
 * What a route does when a target has failed before its answer began. `next`: another may answer. `longer`: another may, if its context is longer.
 * `tell`: any other would fail too, or it is not known what has happened.
 */
export type Response = "next" | "longer" | "tell";

/** The request's own fault, in another server's words: all but one that is too long there. */
const CLIENTS_FAULTS: ReadonlySet<number | undefined> = new Set([400, 409, 415, 422]);

const TOO_LONG = "context_length_exceeded";

export function responseTo(error: unknown): Response {
  if (error instanceof ContextLengthExceededError) return "longer";
  if (error instanceof UpstreamError) {
    const { status, code } = error.failure;
    if (code === TOO_LONG || status === 413) return "longer";
    return CLIENTS_FAULTS.has(status) ? "tell" : "next";
  }
  const mayDiffer =
    error instanceof OverloadedError ||
    error instanceof EngineUnavailableError ||
    error instanceof InsufficientMemoryError ||
    error instanceof EngineCrashedError ||
    error instanceof ModelNotFoundError ||
    error instanceof NotSupportedByModelError ||
    error instanceof UnsupportedFieldError ||
    error instanceof LocalOnlyError ||
    // A template is its model's own.
    error instanceof UnrenderablePromptError ||
    error instanceof NotCachedError;
  return mayDiffer ? "next" : "tell";
}

/** Whether the target may have worked on the request, so that to ask another one adds to the load. A refusal takes nothing. */
export function hasCostWork(error: unknown): boolean {
  if (error instanceof EngineCrashedError) return true;
  if (!(error instanceof UpstreamError)) return false;
  const { status } = error.failure;
  return status === undefined || status === 408 || (status >= 500 && status !== 503 && status !== 529);
}

/** A word for it in `sluice-route`. */
export function wordFor(error: unknown): string {
  if (error instanceof UpstreamError)
    return error.failure.status === undefined ? "unreachable" : `status_${error.failure.status}`;
  return error instanceof GenerationError ? error.code : "error";
}

/** What the client hears if all targets failed: the later one, but what passes before what lasts, so that it tries again. */
export function worseOf(before: unknown, later: unknown): unknown {
  return before !== undefined && isPassing(before) && !isPassing(later) ? before : later;
}

function isPassing(error: unknown): boolean {
  if (!(error instanceof UpstreamError)) return mayChange(error);
  return error.failure.status === 429 || error.failure.status === 503 || error.failure.status === 529;
}
