import { Readable } from "node:stream";
import { type Dispatcher, Pool, ProxyAgent } from "undici";
import type { UpstreamSettings } from "../config/upstreams.ts";
import { UpstreamError } from "../generation/errors.ts";
import { type TraceContext, traceHeaders } from "../generation/trace.ts";
import { readText } from "../read-file.ts";
import { lookupPublic, namesPrivate } from "./addresses.ts";
import {
  brokenAnswer,
  connectionError,
  failureOf,
  MAX_ERROR_BYTES,
  readRetryAfter,
  type Source,
  UpstreamTimeout,
} from "./failures.ts";

type Ask = {
  readonly method: "GET" | "POST" | "DELETE";
  /** From the origin on. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** A text is JSON. */
  readonly body?: object | string;
  /** A body in the place of that one, which is sent as it comes. */
  readonly upload?: Upload;
  /** The ids of the gateways before this one. */
  readonly via?: readonly string[] | undefined;
  readonly trace?: TraceContext | undefined;
  /** Aborted when nobody wants the answer: the connection is closed at once. */
  readonly signal: AbortSignal;
};

export type Upload = {
  readonly contentType: string;
  readonly bytes: number;
  readonly chunks: AsyncIterable<Uint8Array>;
};

/** The beginning of an answer with status 200. */
export type Reply = {
  /** In lower case, without parameters. */
  readonly contentType: string;
  /** The value of a header that comes once; undefined if it is absent. */
  readonly header: (name: string) => string | undefined;
  /** Throws `UpstreamError`, or the reason of the ask's signal. */
  readonly chunks: AsyncIterable<Uint8Array>;
};

/** The only one that there is. */
const ANTHROPIC_VERSION = "2023-06-01";

/** The connections to one upstream: only to its own origin, and no redirect is followed. */
export type Channel = {
  /**
   * Resolves when the headers of a 200 are here. Rejects with `UpstreamError` for any other status, and where there is no answer.
   */
  readonly ask: (ask: Ask) => Promise<Reply>;
  /** Whose words its failures are in. */
  readonly source: Source;
  readonly close: () => Promise<void>;
};

/**
 * @param key sent with each request, and never anywhere else
 * @param gatewayId tells a request that comes back to this gateway
 */
export function createChannel(settings: UpstreamSettings, key: string | undefined, gatewayId?: string): Channel {
  const { name, baseUrl, timeouts, kind } = settings;
  const { origin } = new URL(baseUrl);
  const source: Source = { name, withoutKey: (body) => withoutKey(body, key) };
  const dispatcher = connect(settings, origin);
  const authorization = key === undefined ? {} : headersFor(kind, key);

  async function ask({ method, path, headers, body, upload, via = [], trace, signal: wanted }: Ask): Promise<Reply> {
    const late = new AbortController();
    const signal = AbortSignal.any([wanted, late.signal]);
    const timer = setTimeout(() => late.abort(new UpstreamTimeout("total")), timeouts.totalMs);
    try {
      const answer = await dispatcher.request({
        ...{ origin, method, path, signal },
        headers: {
          accept: "text/event-stream, application/x-ndjson, application/json",
          "accept-encoding": "identity",
          "user-agent": "sluice",
          ...(body !== undefined && { "content-type": "application/json" }),
          ...(upload !== undefined && {
            "content-type": upload.contentType,
            "content-length": String(upload.bytes),
          }),
          ...(kind === "anthropic" && { "anthropic-version": ANTHROPIC_VERSION }),
          ...(gatewayId !== undefined && { "sluice-via": [...via, gatewayId].join(",") }),
          ...(trace !== undefined && traceHeaders(trace)),
          ...headers,
          ...authorization,
        },
        ...(upload !== undefined && { body: Readable.from(upload.chunks, { objectMode: false }) }),
        ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
        headersTimeout: timeouts.firstByteMs,
        bodyTimeout: timeouts.betweenEventsMs,
      });
      // What breaks after its end, or is left, breaks unheard.
      answer.body.on("error", () => {});
      if (answer.statusCode !== 200) throw new UpstreamError(await readFailure(answer));
      if (isEncoded(answer)) {
        answer.body.destroy();
        throw brokenAnswer(name, "compressed its answer, which was not asked for");
      }
      const contentType = String(answer.headers["content-type"] ?? "");
      return {
        contentType: contentType.replace(/;.*/s, "").trim().toLowerCase(),
        header: (name) => headerOf(answer.headers, name),
        chunks: read(answer.body, timer, wanted, late.signal),
      };
    } catch (error) {
      clearTimeout(timer);
      throw explain(error, wanted, late.signal);
    }
  }

  async function readFailure(answer: Dispatcher.ResponseData) {
    const { statusCode, headers, body } = answer;
    const retryAfterMs = readRetryAfter(headers);
    if (statusCode < 400 || isEncoded(answer)) body.destroy();
    if (statusCode < 400) {
      const what = statusCode >= 300 ? "answered with a redirect, which is not followed" : "gave no answer";
      return { status: undefined, message: `The upstream '${name}' ${what} (status ${statusCode}).` };
    }
    return failureOf(source, statusCode, isEncoded(answer) ? undefined : await readStart(body), retryAfterMs);
  }

  async function* read(
    body: Dispatcher.ResponseData["body"],
    timer: NodeJS.Timeout,
    wanted: AbortSignal,
    late: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    try {
      for await (const chunk of body) yield chunk;
    } catch (error) {
      throw explain(error, wanted, late);
    } finally {
      clearTimeout(timer);
      body.destroy();
    }
  }

  function explain(error: unknown, wanted: AbortSignal, late: AbortSignal): unknown {
    if (wanted.aborted) return wanted.reason;
    if (error instanceof UpstreamError) return error;
    return connectionError(name, late.aborted ? late.reason : error);
  }

  return { ask, source, close: () => dispatcher.destroy() };
}

function connect({ timeouts, tls, proxy, maxConcurrent, allowPrivate }: UpstreamSettings, origin: string): Dispatcher {
  const secure = {
    ...(tls.caFile !== undefined && { ca: readText(tls.caFile) }),
    ...(tls.insecure && { rejectUnauthorized: false }),
  };
  const isChecked = !allowPrivate && !namesPrivate(new URL(origin).hostname);
  // A proxy looks the name up by itself.
  if (proxy !== undefined) {
    return new ProxyAgent({
      uri: proxy,
      requestTls: { ...secure, timeout: timeouts.connectMs },
      connections: maxConcurrent,
    });
  }
  return new Pool(origin, {
    connections: maxConcurrent,
    pipelining: 1,
    connect: {
      ...secure,
      timeout: timeouts.connectMs,
      ...(isChecked && { lookup: lookupPublic }),
    },
  });
}

function headersFor(kind: UpstreamSettings["kind"], key: string): Readonly<Record<string, string>> {
  return kind === "anthropic" ? { "x-api-key": key } : { authorization: `Bearer ${key}` };
}

function headerOf(headers: Dispatcher.ResponseData["headers"], name: string): string | undefined {
  const value = headers[name];
  return typeof value === "string" ? value : undefined;
}

function isEncoded({ headers }: Dispatcher.ResponseData): boolean {
  return !["", "identity"].includes(
    String(headers["content-encoding"] ?? "")
      .trim()
      .toLowerCase(),
  );
}

/** The JSON of a body, or its text, as far as the bound goes. */
async function readStart(body: AsyncIterable<Uint8Array>): Promise<unknown> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const piece of body) {
      pieces.push(piece);
      length += piece.length;
      if (length >= MAX_ERROR_BYTES) break;
    }
  } catch {
    // What came before it broke tells enough.
  }
  const text = Buffer.concat(pieces).subarray(0, MAX_ERROR_BYTES).toString("utf8");
  try {
    return JSON.parse(text);
  } catch {
    return /^\s*</.test(text) ? undefined : text;
  }
}

function withoutKey(body: unknown, key: string | undefined): unknown {
  if (key === undefined) return body;
  const text = JSON.stringify(body);
  return text === undefined ? undefined : JSON.parse(text.replaceAll(JSON.stringify(key).slice(1, -1), "[redacted]"));
}
