import { key, keyWanted } from "./key.ts";

/** An answer that is an error, in the gateway's own form. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly status: number;
  readonly code: string | undefined;
  /** Why another key is needed, in the reader's words; undefined where that wouldn't help. */
  readonly keyReason: string | undefined;

  constructor(message: string, status: number, code?: string, keyReason?: string) {
    super(message);
    this.status = status;
    this.code = code;
    this.keyReason = keyReason;
  }
}

export type ApiOptions = {
  readonly method?: "GET" | "POST" | "DELETE";
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Sent as it is, in place of a body. */
  readonly form?: FormData;
  /** Whether the reader is asked for a key where one would help; yes if absent. */
  readonly asksForKey?: boolean;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
};

/** Sends a request with the key. Throws an `ApiError` for an answer that is none of 2xx, and asks the reader for a key where that is why. */
export async function send(path: string, options: ApiOptions = {}): Promise<Response> {
  try {
    return await sendWith(key.value, path, options);
  } catch (error) {
    if (error instanceof ApiError && error.keyReason !== undefined && options.asksForKey !== false)
      keyWanted.value = error.keyReason;
    throw error;
  }
}

/** Why a key can't be used, in the reader's words; undefined where it can. Asks for what any key may read. */
export async function checkKey(secret: string): Promise<string | undefined> {
  try {
    await sendWith(secret, "/v1/models", {});
    return undefined;
  } catch (error) {
    if (!(error instanceof ApiError)) return String(error);
    return error.keyReason ?? error.message;
  }
}

async function sendWith(secret: string | undefined, path: string, options: ApiOptions): Promise<Response> {
  const { method = "GET", body, form, headers, signal } = options;
  const response = await reach(path, {
    method,
    headers: {
      ...(body !== undefined && { "content-type": "application/json" }),
      ...(secret !== undefined && { authorization: `Bearer ${secret}` }),
      ...headers,
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    ...(form !== undefined && { body: form }),
    ...(signal && { signal }),
    // What is sent is said above, and nothing else.
    credentials: "omit",
  });
  if (response.ok) return response;
  const { message, status, code } = await readError(response);
  throw new ApiError(message, status, code, keyReasonOf({ message, status, code }, secret !== undefined));
}

/** The gateway tells programs which headers to send; a reader wants to know about the key. */
function keyReasonOf(
  { message, status, code }: Pick<ApiError, "message" | "status" | "code">,
  hadKey: boolean,
): string | undefined {
  if (code === "insufficient_permissions") {
    return hadKey ? "This page needs an admin key, and the one in use is none. Chat takes any key." : message;
  }
  if (status !== 401) return undefined;
  if (!hadKey) return "This gateway needs a key. Chat takes any; the other pages need an admin key.";
  const ended = /: this (API key (?:expired|was replaced) .*)$/.exec(message)?.[1];
  return ended === undefined
    ? "This key isn't known. Check it, or ask the operator of this gateway for one."
    : `This ${ended}`;
}

/** The JSON of an answer. Its shape is the gateway's promise (`/openapi.json`), and isn't checked again. @public */
export async function fetchJson<T>(path: string, options?: ApiOptions): Promise<T> {
  const response = await send(path, options);
  return response.json() as Promise<T>;
}

async function reach(path: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(path, init);
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError("The gateway can't be reached. Is it running?", 0, "unreachable");
  }
}

/** OpenAI's form, Anthropic's and Ollama's; else what the status says. */
async function readError(response: Response): Promise<ApiError> {
  const said: unknown = await response.json().catch(() => undefined);
  const error = isRecord(said) ? said.error : undefined;
  if (typeof error === "string") return new ApiError(error, response.status);
  if (isRecord(error) && typeof error.message === "string") {
    return new ApiError(error.message, response.status, typeof error.code === "string" ? error.code : undefined);
  }
  return new ApiError(`The gateway answered with status ${response.status}.`, response.status);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
