/**
 * A generation failed for a reason that the client should know. `http/errors.ts` translates each error to the protocol; any other error is
 * a defect of Sluice and becomes a plain 500.
 */
export abstract class GenerationError extends Error {
  abstract readonly code: string;
  override get name(): string {
    return this.constructor.name;
  }
}

export class ModelNotFoundError extends GenerationError {
  readonly code = "model_not_found";
  readonly model: string;
  readonly available: readonly string[];

  constructor(model: string, available: readonly string[]) {
    super(`The model \`${model}\` does not exist here. Available: ${available.join(", ")}.`);
    this.model = model;
    this.available = available;
  }
}

export class ContextLengthExceededError extends GenerationError {
  readonly code = "context_length_exceeded";
  readonly promptTokens: number;
  readonly contextTokens: number;
  /** Whether the prompt has even more tokens, which were not counted. */
  readonly atLeast: boolean;
  readonly isUpstream: boolean;

  /** @param isUpstream whether another server answers for the model, so that its context is not a setting of Sluice */
  constructor(promptTokens: number, contextTokens: number, atLeast = false, isUpstream = false) {
    // Libraries recognize this error by OpenAI's words, as docs/api.md lists.
    super(
      `This model's maximum context length is ${contextTokens} tokens. ` +
        `However, your messages resulted in ${atLeast ? "at least " : ""}${promptTokens} tokens, which leaves no room for an answer. ` +
        `Please reduce the length of the messages${largerContext(isUpstream)}.`,
    );
    this.promptTokens = promptTokens;
    this.contextTokens = contextTokens;
    this.atLeast = atLeast;
    this.isUpstream = isUpstream;
  }
}

/** The other way out for who has too long a prompt, as the end of a sentence. */
export function largerContext(isUpstream: boolean): string {
  return isUpstream ? ", or ask a model with a longer context" : ", or start Sluice with a larger --context";
}

/** Whether the engine would refuse the prompt with the same error at any time. */
export function isLasting(error: unknown): boolean {
  return (
    error instanceof ContextLengthExceededError ||
    error instanceof UnrenderablePromptError ||
    error instanceof InvalidSamplingError
  );
}

/** Whether the same request may succeed when it is sent again. */
export function mayChange(error: unknown): boolean {
  return (
    error instanceof OverloadedError ||
    error instanceof RateLimitedError ||
    error instanceof BeyondLimitError ||
    error instanceof BudgetSpentError
  );
}

/** A stream can't go on as it began in an earlier process. */
export class JournalError extends GenerationError {
  readonly code = "stream_gone";

  constructor() {
    super(
      "This stream can't go on after the restart: its model, its preset or the settings have changed. Send the request again.",
    );
  }
}

/** The model's chat template refuses these messages, for example because the roles must alternate. */
export class UnrenderablePromptError extends GenerationError {
  readonly code = "invalid_messages";

  constructor(reason: string) {
    super(`The model's chat template does not accept these messages: ${reason}`);
  }
}

/** A value that only the engine can check is invalid, such as a token id outside the vocabulary. */
export class InvalidSamplingError extends GenerationError {
  readonly code = "invalid_value";
  /** The field's name in `GenerationRequest`, such as `logitBias`. */
  readonly field: string;

  constructor(field: string, reason: string) {
    super(reason);
    this.field = field;
  }
}

/** The capabilities that a model may lack. */
export type Lacking =
  | "text"
  | "chat"
  | "infill"
  | "tools"
  | "schemas"
  | "logprobs"
  | "images"
  | "embeddings"
  | "reranking"
  | "tokenizing";

/** The model lacks a capability that the request needs. */
export class NotSupportedByModelError extends GenerationError {
  readonly code = "unsupported_model";
  readonly model: string;
  readonly lacks: Lacking;

  constructor(model: string, lacks: Lacking) {
    super(`The model ${model} does not support ${lacks}.`);
    this.model = model;
    this.lacks = lacks;
  }
}

/** The server that answers for the model can't do what a field of the request asks for. */
export class UnsupportedFieldError extends GenerationError {
  readonly code = "unsupported_parameter";
  /** The field, in the words of OpenAI's API, such as `top_k`. */
  readonly field: string;

  constructor(model: string, field: string, reason = "is not supported by the server that answers for this model") {
    super(`'${field}' ${reason} (\`${model}\`). Leave it out, or ask another model.`);
    this.field = field;
  }
}

/** The request must be answered on this machine, and its model is another server's. */
export class LocalOnlyError extends GenerationError {
  readonly code = "local_only";

  constructor(model: string) {
    super(
      `The model \`${model}\` is answered by another server, and this request must stay here: its key, its preset or its header ` +
        "`sluice-local-only` says so. Ask a local model: GET /v1/models lists them.",
    );
  }
}

/** A route has no target for the request. */
export class NoTargetError extends GenerationError {
  readonly code = "no_target";
  readonly route: string;
  /** Whether the key has used up its share of every target. */
  readonly isForBudget: boolean;

  /** @param excluded each target, and why it can't answer */
  constructor(route: string, excluded: readonly { readonly target: string; readonly reason: string }[]) {
    const list = excluded.map(({ target, reason }) => `${target} (${reason})`).join(", ");
    super(
      `The route \`${route}\` has no target for this request: ${list}. Change the request, or ask one of the models by its name.`,
    );
    this.route = route;
    this.isForBudget = excluded.length > 0 && excluded.every(({ reason }) => reason === "budget");
  }
}

/** The failure of another server. */
export type UpstreamFailure = {
  /** The HTTP status; undefined if no answer came. */
  readonly status: number | undefined;
  /** The server's own message for the client. */
  readonly message: string;
  readonly code?: string | null;
  /** The request's field that the message names. */
  readonly param?: string | null;
  readonly retryAfterMs?: number;
};

/** The other server that runs the model refused the request or failed. */
export class UpstreamError extends GenerationError {
  readonly code: string;
  readonly failure: UpstreamFailure;

  constructor(failure: UpstreamFailure) {
    super(failure.message);
    this.code = failure.code ?? "upstream_error";
    this.failure = failure;
  }
}

/** The engine died repeatedly during this request, so the request was given up. */
export class EngineCrashedError extends GenerationError {
  readonly code = "engine_crashed";

  constructor(deaths: number) {
    super(
      `The engine died ${deaths} times while it worked on this request, so the request was given up. ` +
        "Other requests are not affected. The gateway's log has the engine's last words.",
    );
  }
}

/** No engine can answer for this model now, and waiting would not help. */
export class EngineUnavailableError extends GenerationError {
  readonly code = "engine_unavailable";
}

/** The model doesn't fit into the memory that models may take, whatever is put out for it. */
export class InsufficientMemoryError extends GenerationError {
  readonly code = "insufficient_memory";
}

/** Codex parses the waiting time from these words. */
function comeBack(ms: number): string {
  return `Please try again in ${Math.ceil(ms / 1000)}s.`;
}

/** `full`: too many requests are in progress. `late`: its first token would come too late. `expired`: it waited as long as it may. */
export type Overload = "full" | "late" | "expired";

/** The server can't answer in time, because too many requests are in progress. The same request may be accepted after `retryAfterMs`. */
export class OverloadedError extends GenerationError {
  readonly code = "server_overloaded";
  readonly retryAfterMs: number;
  readonly why: Overload;

  /** @param reason a sentence for the client, such as "The server already has 256 requests in progress." */
  constructor(reason: string, retryAfterMs: number, why: Overload = "full") {
    super(`${reason} ${comeBack(retryAfterMs)}`);
    this.retryAfterMs = retryAfterMs;
    this.why = why;
  }
}

/** The key has used up the money that it may cost. It may be used again after `retryAfterMs`. */
export class BudgetSpentError extends GenerationError {
  /** OpenAI's, by which clients know not to retry soon. */
  readonly code = "insufficient_quota";
  readonly retryAfterMs: number;

  /** @param reason a sentence for the client that names the budget and how much of it is used */
  constructor(reason: string, retryAfterMs: number) {
    super(reason);
    this.retryAfterMs = retryAfterMs;
  }
}

/** The key has used up one of its limits. The same request may be accepted after `retryAfterMs`. */
export class RateLimitedError extends GenerationError {
  readonly code = "rate_limit_exceeded";
  readonly retryAfterMs: number;
  /** What the limit counts. */
  readonly limited: "requests" | "tokens";

  /** @param reason a sentence for the client that names the limit and how much of it is used */
  constructor(reason: string, retryAfterMs: number, limited: "requests" | "tokens" = "requests") {
    super(`${reason} ${comeBack(retryAfterMs)}`);
    this.retryAfterMs = retryAfterMs;
    this.limited = limited;
  }
}

/** The request alone is more than the key's limit. Waiting would not help. */
export class BeyondLimitError extends GenerationError {
  readonly code = "rate_limit_exceeded";
  readonly limited: "requests" | "tokens";

  /** @param reason a sentence for the client that names the limit and the way out */
  constructor(reason: string, limited: "requests" | "tokens") {
    super(reason);
    this.limited = limited;
  }
}

/** Enough for every sentence on a limit. */
const MAX_REFUSAL_CHARS = 512;

/** What a request is told that was refused because of a limit: which it was, and how long to wait. It has nothing of the request. Undefined for other errors. */
export function refusalOf(error: unknown): string | undefined {
  const isRefusal =
    error instanceof OverloadedError ||
    error instanceof RateLimitedError ||
    error instanceof BeyondLimitError ||
    error instanceof BudgetSpentError;
  return isRefusal ? error.message.slice(0, MAX_REFUSAL_CHARS) : undefined;
}

/** A later request with the same `supersedeId` replaced this one. */
export class SupersededError extends GenerationError {
  readonly code = "superseded";

  constructor() {
    super("A later request with the same `sluice-supersede` header replaced this one.");
  }
}

/** The request accepts only a stored answer, and there is none for it. */
export class NotCachedError extends GenerationError {
  readonly code = "not_cached";

  constructor() {
    super(
      "There is no stored answer to this request, and `Cache-Control: only-if-cached` allows no other. Leave the header out to generate one.",
    );
  }
}
