import { key, keyWanted } from "./key.ts";

/** An answer that is an error, in the gateway's own form. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly status: number;
  readonly code: string | undefined;

  constructor(message: string, status: number, code?: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export type ApiOptions = {
  readonly method?: "GET" | "POST" | "DELETE";
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
};

/** Sends a request with the key. Throws an `ApiError` for an answer that is none of 2xx, and asks the reader for a key where that is why. */
export async function send(path: string, options: ApiOptions = {}): Promise<Response> {
  const { method = "GET", body, headers, signal } = options;
  const secret = key.value;
  const response = await reach(path, {
    method,
    headers: {
      ...(body !== undefined && { "content-type": "application/json" }),
      ...(secret !== undefined && { authorization: `Bearer ${secret}` }),
      ...headers,
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    ...(signal && { signal }),
    // What is sent is said above, and nothing else.
    credentials: "omit",
  });
  if (response.ok) return response;
  const error = await readError(response);
  if (error.status === 401 || error.code === "insufficient_permissions") keyWanted.value = error.message;
  throw error;
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
