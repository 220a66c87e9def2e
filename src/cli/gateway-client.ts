import { z } from "zod";
import { ADMIN_KEY_VARIABLE, CLIENT_KEYS, type KeyVariables, OPERATOR_KEYS } from "../config/environment.ts";
import type { Config } from "../config/schema.ts";
import { shellCommand } from "../version.ts";
import { NoGatewayError, RefusedError } from "./errors.ts";

/** The flag that names the key. */
export const KEY_FLAG = "--api-key";

/** A client of a gateway for commands. Calls throw a NoGatewayError, or a RefusedError with the gateway's message. */
export type GatewayClient = {
  readonly url: string;
  readonly get: (path: string) => Promise<unknown>;
  readonly remove: (path: string, body?: object) => Promise<unknown>;
  /** `signal` aborts only this call. */
  readonly post: (path: string, body: object, signal?: AbortSignal) => Promise<unknown>;
  readonly upload: (path: string, form: FormData) => Promise<unknown>;
  /** An answer's bytes, as they come. */
  readonly download: (path: string) => Promise<ReadableStream<Uint8Array>>;
  /** The URL of a path, and the headers that calls to it need. */
  readonly destination: (path: string) => { readonly url: string; readonly headers: Readonly<Record<string, string>> };
  /** The data of a streamed answer's events. `signal` aborts only this call. */
  readonly stream: (path: string, body: object, signal?: AbortSignal) => AsyncIterable<unknown>;
  /** A client whose calls have these headers too. */
  readonly withHeaders: (more: Readonly<Record<string, string>>) => GatewayClient;
  /** The data of the events at a path that is read. `signal` aborts only this call. */
  readonly follow: (path: string, signal?: AbortSignal) => AsyncIterable<unknown>;
};

/** What a command shows to a gateway. */
export type Credentials = {
  /** The variables in `env` that may hold the key; those of clients if absent. */
  readonly keyVariables?: KeyVariables;
  /** The key itself, if a flag names it. */
  readonly key?: string | undefined;
  /** Whether stored answers are welcome, and answers are stored; not if absent, since a trial must generate its own. */
  readonly usesCache?: boolean;
  /** Further headers of each call. */
  readonly headers?: Readonly<Record<string, string>>;
};

/** @param url with or without `/v1`, which the official clients want */
export function createGatewayClient(
  url: string,
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
  { keyVariables = CLIENT_KEYS, key: given, usesCache = false, headers: more = {} }: Credentials = {},
): GatewayClient {
  const base = url.replace(/\/+$/, "").replace(/\/v1$/, "");
  // An empty variable counts as not set.
  const keyVariable = given ? KEY_FLAG : keyVariables.find((name) => env[name]);
  const key = given || (keyVariable && env[keyVariable]);
  const ownHeaders = {
    ...(usesCache ? {} : { "cache-control": "no-store" }),
    ...(key ? { authorization: `Bearer ${key}` } : {}),
    ...more,
  };

  const jsonHeaders = { "content-type": "application/json", ...ownHeaders };

  async function send(
    path: string,
    init: RequestInit,
    headers: Readonly<Record<string, string>> = jsonHeaders,
  ): Promise<Response> {
    let response: Response;
    const ending = init.signal ? AbortSignal.any([signal, init.signal]) : signal;
    try {
      response = await fetch(`${base}${path}`, { ...init, headers, signal: ending });
    } catch (error) {
      if (!isTimeout(ending.reason)) ending.throwIfAborted();
      throw new NoGatewayError(
        `No gateway responds at ${base}. Start one with \`${shellCommand("serve")}\`, or set --url.`,
        {
          cause: error,
        },
      );
    }
    if (!response.ok) throw await readRefusal(response, keyVariables, keyVariable);
    return response;
  }

  async function* readEvents(path: string, init: RequestInit): AsyncIterable<unknown> {
    const { body: bytes } = await send(path, init);
    if (bytes === null) return;
    try {
      for await (const line of linesOf(bytes)) {
        if (line.startsWith("data: ") && line !== "data: [DONE]") yield JSON.parse(line.slice("data: ".length));
      }
    } catch (error) {
      signal.throwIfAborted();
      init.signal?.throwIfAborted();
      if (!(error instanceof TypeError)) throw error;
      throw new NoGatewayError(`The connection to the gateway at ${base} was lost in the middle of an answer.`, {
        cause: error,
      });
    }
  }

  return {
    url: base,
    get: async (path) => (await send(path, {})).json(),
    remove: async (path, body) =>
      (await send(path, { method: "DELETE", ...(body && { body: JSON.stringify(body) }) })).json(),
    post: async (path, body, signal) =>
      (await send(path, { method: "POST", body: JSON.stringify(body), ...(signal && { signal }) })).json(),
    // The form's own boundary is in its content type.
    upload: async (path, form) => (await send(path, { method: "POST", body: form }, ownHeaders)).json(),
    destination: (path) => ({ url: `${base}${path}`, headers: key ? { authorization: `Bearer ${key}` } : {} }),
    download: async (path) => (await send(path, {})).body ?? new Blob([]).stream(),
    stream: (path, body, signal) =>
      readEvents(path, { method: "POST", body: JSON.stringify(body), ...(signal && { signal }) }),
    withHeaders: (headers) =>
      createGatewayClient(url, env, signal, { keyVariables, key: given, usesCache, headers: { ...more, ...headers } }),
    follow: (path, signal) => readEvents(path, { ...(signal && { signal }) }),
  };
}

/** node:readline would not pass on the error of a connection that is cut off. */
async function* linesOf(bytes: ReadableStream<Uint8Array>): AsyncIterable<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const piece of bytes) {
    const lines = `${rest}${decoder.decode(piece, { stream: true })}`.split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) yield line.endsWith("\r") ? line.slice(0, -1) : line;
  }
  if (rest !== "") yield rest;
}

/** Whether the gateway did not respond in time. */
function isTimeout(reason: unknown): boolean {
  return reason instanceof DOMException && reason.name === "TimeoutError";
}

const refusalSchema = z.object({ error: z.object({ message: z.string(), code: z.string().nullish() }) });

async function readRefusal(
  response: Response,
  variables: KeyVariables,
  used: string | undefined,
): Promise<RefusedError> {
  const { status, url } = response;
  const text = await response.text();
  const names = used === KEY_FLAG ? KEY_FLAG : variables.join(" or ");
  // The gateway's own words call a key incorrect that was not given, for the sake of official clients.
  if (status === 401 && used === undefined)
    return new RefusedError(status, `The gateway at ${new URL(url).origin} needs a key. Set ${names} to one.`);
  const needsAdmin = status === 403 && used !== undefined && used !== ADMIN_KEY_VARIABLE && variables === OPERATOR_KEYS;
  const hint = status === 401 ? ` Set ${names} to another key.` : needsAdmin ? ` Set ${ADMIN_KEY_VARIABLE} to it.` : "";
  const refusal = refusalSchema.safeParse(parseJson(text)).data?.error;
  const message = refusal?.message ?? `The gateway answered with status ${status}.`;
  return new RefusedError(status, `${message}${hint}`, refusal?.code ?? undefined);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The URL of a gateway with these settings. A wildcard address is replaced, because clients can't connect to it. */
export function urlOf({ host, port }: Config): string {
  const reachable = host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host;
  return `http://${reachable.includes(":") ? `[${reachable}]` : reachable}:${port}`;
}
