import type { Context, ErrorHandler } from "hono";
import type { Logger } from "pino";
import { FileTooLargeError } from "../files/too-large.ts";
import {
  BeyondLimitError,
  BudgetSpentError,
  ContextLengthExceededError,
  EngineCrashedError,
  EngineUnavailableError,
  GenerationError,
  InsufficientMemoryError,
  InvalidSamplingError,
  JournalError,
  type Lacking,
  LocalOnlyError,
  ModelNotFoundError,
  NoTargetError,
  NotCachedError,
  NotSupportedByModelError,
  type Overload,
  OverloadedError,
  RateLimitedError,
  refusalOf,
  SupersededError,
  UnrenderablePromptError,
  UnsupportedFieldError,
  UpstreamError,
} from "../generation/errors.ts";
import { UnsupportedSchemaError } from "../grammar/errors.ts";
import { InvalidRequestError, type WireError } from "../protocols/errors.ts";
import { StateError } from "../store/errors.ts";
import type { HttpEnv } from "./context.ts";
import { OPENAI_ERRORS } from "./error-form.ts";
import { speaksLlmD } from "./objectives.ts";

/** nginx's status for a client that closed the connection first. It only goes to the log. */
export const CLIENT_CLOSED_REQUEST = 499;

/** A request that is refused at the level of HTTP. */
export class HttpError extends Error {
  override readonly name = "HttpError";
  readonly status: number;
  readonly code: string | null;

  constructor(status: number, message: string, code: string | null) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** The client left before its whole request arrived. Nobody receives the answer. */
export class ClientGoneError extends Error {
  override readonly name = "ClientGoneError";

  constructor() {
    super("the client closed the connection before the end of its request's body");
  }
}

/** The model exists, but this key may not use it. */
export class ModelNotAllowedError extends Error {
  override readonly name = "ModelNotAllowedError";
  readonly code = "model_not_found";

  constructor(model: string, allowed: readonly string[]) {
    super(
      `This API key does not have access to the model \`${model}\`. It may use: ${allowed.join(", ") || "none that is served here"}.`,
    );
  }
}

/** An error's response to the client. */
export type Failure = {
  readonly status: number;
  readonly error: WireError;
  readonly headers: Readonly<Record<string, string>>;
  /** Why the request was dropped, in llm-d's words; undefined for any other failure. */
  readonly dropped?: string;
  /** What it says of the limit because of which the request was refused, for those who look at requests. */
  readonly refusal?: string | undefined;
  /** Whether it is a defect, or only the server's operator can fix it: its message and its stack belong in the log. */
  readonly unexpected: boolean;
};

/** The official clients retry after a 5xx unless this header forbids it. */
const DO_NOT_RETRY = { "x-should-retry": "false" };

/** RFC 9110, section 11.6.1: a 401 names the way to authenticate. */
const ASK_FOR_KEY = { "www-authenticate": "Bearer" };

/** Translates any error to OpenAI's terms. No other place does. */
export function describeFailure(error: unknown, requestId: string): Failure {
  if (error instanceof InvalidRequestError) {
    return refused(400, error.message, error.param, error.code);
  }
  if (error instanceof UnsupportedSchemaError) {
    return refused(400, error.message, error.path, "invalid_json_schema");
  }
  if (error instanceof HttpError) {
    return {
      ...refused(error.status, error.message, null, error.code),
      headers: error.status === 401 ? ASK_FOR_KEY : {},
    };
  }
  if (error instanceof FileTooLargeError) {
    return refused(413, error.message, "file", error.code);
  }
  if (error instanceof ModelNotAllowedError) {
    return refused(403, error.message, "model", error.code);
  }
  if (error instanceof GenerationError) {
    return describeGenerationError(error);
  }
  if (error instanceof StateError) {
    const { status, error: told, headers } = failed(503, error, {});
    return { status, error: { ...told, message: error.forClients }, headers, unexpected: true };
  }
  return {
    status: 500,
    error: {
      message: `The server had an internal error. The log has the details under the request id ${requestId}.`,
      type: "server_error",
      param: null,
      code: "internal_error",
    },
    headers: {},
    unexpected: true,
  };
}

function describeGenerationError(error: GenerationError): Failure {
  if (error instanceof NotSupportedByModelError) {
    const { param, code, sentence } = LACKS[error.lacks];
    return refused(400, `The model \`${error.model}\` ${sentence}`, param, code);
  }
  if (error instanceof UpstreamError) {
    return describeUpstream(error);
  }
  if (error instanceof UnsupportedFieldError) {
    return refused(400, error.message, error.field, error.code);
  }
  if (error instanceof JournalError) {
    return refused(410, error.message, null, error.code);
  }
  if (error instanceof LocalOnlyError) {
    return refused(403, error.message, "model", error.code);
  }
  if (error instanceof ModelNotFoundError) {
    return refused(404, error.message, "model", error.code);
  }
  if (error instanceof ContextLengthExceededError || error instanceof UnrenderablePromptError) {
    return refused(400, error.message, "messages", error.code);
  }
  if (error instanceof InvalidSamplingError) {
    return refused(400, error.message, toSnakeCase(error.field), error.code);
  }
  if (error instanceof NoTargetError) {
    return error.isForBudget
      ? { ...refused(429, error.message, null, error.code), headers: DO_NOT_RETRY }
      : refused(400, error.message, "model", error.code);
  }
  if (error instanceof OverloadedError) {
    const dropped = DROPPED[error.why];
    return { ...failed(503, error, retryAfter(error.retryAfterMs)), dropped, refusal: refusalOf(error) };
  }
  if (error instanceof BudgetSpentError) {
    const { message, code, retryAfterMs } = error;
    const told = { message, type: code, param: null, code };
    const headers = { ...retryAfter(retryAfterMs), ...DO_NOT_RETRY };
    return { status: 429, error: told, headers, refusal: refusalOf(error), unexpected: false };
  }
  if (error instanceof RateLimitedError) {
    return { ...limited(error), headers: retryAfter(error.retryAfterMs) };
  }
  if (error instanceof BeyondLimitError) {
    return { ...limited(error), headers: DO_NOT_RETRY };
  }
  if (error instanceof SupersededError) {
    return { ...refused(409, error.message, null, error.code), headers: DO_NOT_RETRY };
  }
  if (error instanceof NotCachedError) {
    return { ...refused(504, error.message, null, error.code), headers: DO_NOT_RETRY };
  }
  if (error instanceof EngineUnavailableError) {
    return { ...failed(503, error, DO_NOT_RETRY), dropped: SHUTTING_DOWN };
  }
  if (error instanceof InsufficientMemoryError) {
    return failed(503, error, DO_NOT_RETRY);
  }
  // A request that killed the engine three times would do so again.
  return failed(500, error, error instanceof EngineCrashedError ? DO_NOT_RETRY : {});
}

/** llm-d's words. */
const SHUTTING_DOWN = "rejected-shutting-down";
const DROPPED: Readonly<Record<Overload, string>> = {
  full: "rejected-saturated",
  late: "rejected-saturated",
  expired: "rejected-ttl-expired",
};

const DROPPED_HEADER = "x-llm-d-request-dropped-reason";

/** What llm-d expects of who sheds a request: a 429, and the reason. */
function tellDropped(failure: Failure): Failure {
  const { dropped, status, headers } = failure;
  if (dropped === undefined) return failure;
  return {
    ...failure,
    status: dropped === SHUTTING_DOWN ? status : 429,
    headers: { ...headers, [DROPPED_HEADER]: dropped },
  };
}

/** Whether the request itself is wrong, so that it would fail each time. */
export function isClientsFault(error: unknown): boolean {
  return describeFailure(error, "").status === 400;
}

type Lack = { readonly param: string; readonly code: string; readonly sentence: string };

const ASK_ANOTHER = "Use another model: GET /v1/models shows the capabilities of each.";

function lackOf(what: string, param = "model"): Lack {
  const code = param === "model" ? "unsupported_model" : "unsupported_parameter";
  return { param, code, sentence: `${what} ${ASK_ANOTHER}` };
}

/** The message for each missing capability, to be read after the model's name. */
const LACKS: Readonly<Record<Lacking, Lack>> = {
  text: {
    ...{ param: "model", code: "unsupported_model" },
    sentence:
      "makes embeddings or scores and can't write text. " +
      "Use it at /v1/embeddings or /v1/rerank, and another model for text: GET /v1/models lists them.",
  },
  embeddings: { param: "model", code: "unsupported_model", sentence: "makes no embeddings here." },
  chat: lackOf("can't answer conversations."),
  infill: lackOf("can't fill in the middle."),
  reranking: {
    ...{ param: "model", code: "unsupported_model" },
    sentence:
      "is not a reranker. Serve a reranking model, such as bge-reranker-v2-m3 or Qwen3-Reranker, " +
      "or compare embeddings from /v1/embeddings.",
  },
  tokenizing: lackOf("can't count or show the tokens of a text."),
  images: lackOf("can't read images: leave them out.", "messages"),
  tools: lackOf("can't call tools: leave 'tools' out.", "tools"),
  schemas: lackOf("can't guarantee a format: leave it out.", "response_format"),
  logprobs: lackOf("can't return log-probabilities: leave 'logprobs' out.", "logprobs"),
};

/** The other server's statuses for an invalid request. Any other is a failure behind this gateway. */
const PASSED_STATUSES: ReadonlySet<number> = new Set([400, 409, 413, 415, 422]);

function describeUpstream(error: UpstreamError): Failure {
  const { status = 502, message, param = null, code = null, retryAfterMs } = error.failure;
  const comeBack = retryAfterMs === undefined ? {} : retryAfter(retryAfterMs);
  if (PASSED_STATUSES.has(status)) return refused(status, message, param, code);
  if (status === 429) {
    const told = { message, type: "requests", param: null, code: code ?? "rate_limit_exceeded" };
    return { status, error: told, headers: comeBack, unexpected: false };
  }
  if (status === 503 || status === 529) return failed(503, error, comeBack);
  if (status === 408 || status === 504) return failed(504, error, {});
  // A key that is refused there, a missing model, or a defect of the other server: for this gateway's operator to look into.
  return { ...failed(502, error, comeBack), unexpected: true };
}

function retryAfter(ms: number): Readonly<Record<string, string>> {
  return { "retry-after": String(Math.max(1, Math.ceil(ms / 1000))), "retry-after-ms": String(Math.ceil(ms)) };
}

/** OpenAI's `type` names what the limit counts. */
function limited(error: RateLimitedError | BeyondLimitError): Failure {
  const { message, limited: type, code } = error;
  const told = { message, type, param: null, code };
  return { status: 429, error: told, headers: {}, refusal: refusalOf(error), unexpected: false };
}

function refused(status: number, message: string, param: string | null, code: string | null): Failure {
  return { status, error: { message, type: "invalid_request_error", param, code }, headers: {}, unexpected: false };
}

function failed(
  status: number,
  error: GenerationError | StateError,
  headers: Readonly<Record<string, string>>,
): Failure {
  return {
    status,
    error: { message: error.message, type: "server_error", param: null, code: error.code },
    headers,
    unexpected: false,
  };
}

/** Turns a generation's field, such as `logitBias`, into the protocol's `logit_bias`. */
function toSnakeCase(field: string): string {
  return field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** Answers with `failure` in the form of the request's protocol, and notes it for the access log. */
export function sendFailure(c: Context<HttpEnv>, failure: Failure): Response {
  const facts = c.get("facts");
  facts.error = failure.error.code ?? failure.error.type;
  if (failure.refusal !== undefined) facts.refusal = failure.refusal;
  const form = c.get("errorForm") ?? OPENAI_ERRORS;
  const isForLlmD = speaksLlmD((name) => c.req.header(name));
  const { status, error, headers } = form.translate(isForLlmD ? tellDropped(failure) : failure);
  return new Response(JSON.stringify(form.encode(error, c.get("requestId"))), {
    status,
    headers: { "content-type": "application/json", ...headers },
  });
}

/** Turns any error that a handler threw into an answer. Logs the stack of unexpected ones. */
export function errorHandler(logger: Logger): ErrorHandler<HttpEnv> {
  return (error, c) => {
    if (error instanceof ClientGoneError) {
      c.get("facts").clientGone = true;
      return new Response(null, { status: CLIENT_CLOSED_REQUEST });
    }
    const requestId = c.get("requestId");
    const failure = describeFailure(error, requestId);
    if (failure.unexpected) {
      logger.error({ requestId, err: error }, "internal error");
    }
    return sendFailure(c, failure);
  };
}
