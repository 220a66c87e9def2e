import { errors } from "undici";
import { UpstreamError, type UpstreamFailure } from "../generation/errors.ts";
import { PrivateAddressError } from "./addresses.ts";

/** The last parts of names that only a private network knows. */
const PRIVATE_DOMAINS = "internal|local|localdomain|lan|corp|intranet|private|svc|home\\.arpa|in-addr\\.arpa";

/** Error bodies are short; of others the beginning tells enough. */
export const MAX_ERROR_BYTES = 64 * 1024;
const MAX_MESSAGE_LENGTH = 1_000;
/** So much is looked through for addresses. */
const MAX_READ_LENGTH = 2 * MAX_MESSAGE_LENGTH;
const MAX_WORD_LENGTH = 128;
/** Clients are not told where upstreams are, nor what is behind these: addresses, and names of hosts that are not public. */
const ADDRESS = /\b(?:\d{1,3}\.){3}\d{1,3}(?::\d+)?\b|\blocalhost:\d+\b|\[[\da-f:.]*:[\da-f:.]*\](?::\d+)?/gi;
/** With its port and path, if it has these. Names with a port, in a URL or with a domain that only a private network has. */
const HOST = new RegExp(
  [
    String.raw`https?://(?:[^\s/@"'<>]*@)?(?:[\w-]+|[\w.-]+\.(?:${PRIVATE_DOMAINS})|[\w.-]+(?=:\d))(?::\d+)?(?![\w.-])[^\s"'<>)\]]*`,
    String.raw`\b[\w-]+(?:\.[\w-]+)*\.(?:${PRIVATE_DOMAINS})\b(?::\d+)?`,
    String.raw`\b[\w-]+(?:\.[\w-]+)+:\d{2,5}\b`,
    String.raw`(?<=\bhost(?:name)?\s?[=:]\s?["']?)[\w.-]+(?=["',;)\s]|$)`,
  ].join("|"),
  "gi",
);
/** A longer `retry-after` is no plan. */
const MAX_RETRY_AFTER_MS = 24 * 60 * 60 * 1000;

/** A time of the settings that ran out. */
export class UpstreamTimeout extends Error {
  override readonly name = "UpstreamTimeout";
}

/** Anthropic's errors in a stream have a type and no status. */
const STATUS_OF_TYPE: Readonly<Record<string, number>> = {
  invalid_request_error: 400,
  authentication_error: 401,
  permission_error: 403,
  not_found_error: 404,
  request_too_large: 413,
  rate_limit_error: 429,
  overloaded_error: 529,
  timeout_error: 504,
};

/** Whose words an error is in. */
export type Source = {
  /** The upstream's name. */
  readonly name: string;
  /** Removes the key from what it says: some servers repeat it. */
  readonly withoutKey: (body: unknown) => unknown;
};

/** What a server says in the body of an error, in any of the forms in use. */
export function failureOf(
  { name, withoutKey }: Source,
  status: number | undefined,
  said: unknown,
  retryAfterMs?: number,
): UpstreamFailure {
  const body = withoutKey(said);
  const error: unknown = fieldOf(body, "error") ?? fieldOf(body, "detail") ?? body;
  const words = textOf(fieldOf(error, "message")) ?? textOf(error) ?? textOf(fieldOf(body, "message"));
  const type = textOf(fieldOf(error, "type"));
  const told = fieldOf(error, "code");
  // What it has not implemented, no later try brings.
  const known =
    status === 501 ? 400 : (status ?? (type === undefined ? undefined : STATUS_OF_TYPE[type]) ?? statusOf(told));
  const code = textOf(told) ?? type;
  const param = textOf(fieldOf(error, "param"));
  return {
    status: known,
    message: wordsFor(name, known, words),
    ...(code !== undefined && { code: code.slice(0, MAX_WORD_LENGTH) }),
    ...(param !== undefined && { param: param.slice(0, MAX_WORD_LENGTH) }),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  };
}

/** Its words on a key or an account are for whoever runs the gateway, not for its clients. */
function wordsFor(upstream: string, status: number | undefined, said: string | undefined): string {
  if (status === 401 || status === 402 || status === 403)
    return `The upstream '${upstream}' refused the gateway's access (status ${status}).`;
  if (status === 404) return `The upstream '${upstream}' does not have what was asked of it (status 404).`;
  if (said !== undefined && said.trim() !== "") {
    return said
      .slice(0, MAX_READ_LENGTH)
      .replace(HOST, "[address]")
      .replace(ADDRESS, "[address]")
      .slice(0, MAX_MESSAGE_LENGTH);
  }
  return `The upstream '${upstream}' failed${status === undefined ? "" : ` with status ${status}`}.`;
}

/** Sluice's and vLLM's streams have the status as the code. */
function statusOf(code: unknown): number | undefined {
  return typeof code === "number" && code >= 400 && code <= 599 ? code : undefined;
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
}

function textOf(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  // FastAPI's list of what is wrong.
  return Array.isArray(value) && value.length > 0 ? JSON.stringify(value) : undefined;
}

/** The header `retry-after`, seconds or a date, or `retry-after-ms`; undefined where it says nothing. */
export function readRetryAfter(
  headers: Readonly<Record<string, string | string[] | undefined>>,
  nowMs = Date.now(),
): number | undefined {
  const exact = Number(headers["retry-after-ms"] ?? Number.NaN);
  const text = headers["retry-after"];
  const ms = Number.isFinite(exact) ? exact : typeof text === "string" ? readDelay(text, nowMs) : Number.NaN;
  return Number.isFinite(ms) ? Math.min(Math.max(0, Math.ceil(ms)), MAX_RETRY_AFTER_MS) : undefined;
}

function readDelay(text: string, nowMs: number): number {
  return /^\s*\d+(\.\d+)?\s*$/.test(text) ? Number(text) * 1_000 : Date.parse(text) - nowMs;
}

/** An answer that can't be read, or ends too early. */
export function brokenAnswer(upstream: string, what: string): UpstreamError {
  return new UpstreamError({
    status: undefined,
    message: `The upstream '${upstream}' ${what}.`,
    code: "upstream_error",
  });
}

/** What the connection failed with, as an error for the client, which is not told of hosts and addresses. */
export function connectionError(upstream: string, error: unknown): UpstreamError {
  const failed = new UpstreamError({ ...reasonOf(upstream, error), code: "upstream_error" });
  failed.cause = error;
  return failed;
}

function reasonOf(upstream: string, error: unknown): UpstreamFailure {
  if (error instanceof UpstreamTimeout || error instanceof errors.HeadersTimeoutError)
    return { status: 504, message: `The upstream '${upstream}' did not answer in time.` };
  if (error instanceof errors.BodyTimeoutError)
    return { status: 504, message: `The upstream '${upstream}' stopped in the middle of its answer.` };
  if (error instanceof PrivateAddressError)
    return { status: undefined, message: `The upstream '${upstream}' has an address that its settings don't allow.` };
  return { status: undefined, message: `The upstream '${upstream}' can't be reached.` };
}

/**
 * Whether an error says that the server is not well. 429 and 503 are load, other 4xx are the request's or the key's, and a client that left
 * says nothing.
 */
export function isUnwell(error: unknown): boolean {
  if (!(error instanceof UpstreamError)) return false;
  const { status } = error.failure;
  return status === undefined || (status >= 500 && !isLoad(status));
}

/** Whether a status says that the server has too much to do. */
export function isLoad(status: number | undefined): boolean {
  return status === 429 || status === 503 || status === 529;
}
