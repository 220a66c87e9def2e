import type { MiddlewareHandler } from "hono";
import { cors } from "hono/cors";
import { createMiddleware } from "hono/factory";
import type { HttpEnv } from "../context.ts";
import { AGE_HEADER, CACHE_STATUS_HEADER } from "./cache-headers.ts";
import { QUEUE_MS_HEADER, QUEUE_POSITION_HEADER } from "./queue-headers.ts";

/** What a script in a browser may read of an answer, besides what it may always read. */
const EXPOSED_HEADERS = [
  "x-request-id",
  "request-id",
  "openai-processing-ms",
  "openai-version",
  "retry-after",
  "retry-after-ms",
  "x-should-retry",
  ...["requests", "tokens"].flatMap((kind) =>
    ["limit", "remaining", "reset"].flatMap((part) => [
      `x-ratelimit-${part}-${kind}`,
      `anthropic-ratelimit-${kind}-${part}`,
    ]),
  ),
  QUEUE_MS_HEADER,
  QUEUE_POSITION_HEADER,
  CACHE_STATUS_HEADER,
  AGE_HEADER,
];

const PREFLIGHT_LIFETIME_SECONDS = 600;

/**
 * Lets web pages of `origins` call the API; `*` stands for all pages. Without origins there are no CORS headers at all. Whatever
 * headers such a page asks to send it may send: the official clients send a dozen of their own (`x-stainless-…`).
 */
export function allowOrigins(origins: readonly string[]): MiddlewareHandler<HttpEnv> {
  if (origins.length === 0) {
    return createMiddleware((_, next) => next());
  }
  return cors({
    // A browser's `Origin` has no path, not even a slash.
    origin: origins.includes("*") ? "*" : origins.map((origin) => new URL(origin).origin),
    allowMethods: ["GET", "HEAD", "POST", "DELETE", "OPTIONS"],
    exposeHeaders: EXPOSED_HEADERS,
    maxAge: PREFLIGHT_LIFETIME_SECONDS,
  });
}
