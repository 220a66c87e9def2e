import type { MiddlewareHandler } from "hono";
import { cors } from "hono/cors";
import { createMiddleware } from "hono/factory";
import type { HttpEnv } from "../context.ts";
import { isKnownOrigin } from "../cross-site.ts";
import { AGE_HEADER, CACHE_STATUS_HEADER } from "./cache-headers.ts";
import { QUEUE_MS_HEADER, QUEUE_POSITION_HEADER } from "./queue-headers.ts";
import { SCHEMA_DROPPED_HEADER } from "./schema-headers.ts";
import { TOOLS_DROPPED_HEADER } from "./tool-headers.ts";

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
  TOOLS_DROPPED_HEADER,
  SCHEMA_DROPPED_HEADER,
];

const PREFLIGHT_LIFETIME_SECONDS = 600;

/**
 * Lets web pages of `origins` call the API; `*` stands for all pages. Without origins there are no CORS headers at all. Whatever
 * headers such a page asks to send it may send: the official clients send a dozen of their own (`x-stainless-…`). Pages that are named may
 * send credentials too, and may reach a private network's address from a public one (https://wicg.github.io/private-network-access/).
 */
export function allowOrigins(origins: readonly string[]): MiddlewareHandler<HttpEnv> {
  if (origins.length === 0) {
    return createMiddleware((_, next) => next());
  }
  const isForAll = origins.includes("*");
  const lets = cors({
    origin: isForAll ? "*" : (origin) => (isKnownOrigin(origin, origins) ? origin : null),
    allowMethods: ["GET", "HEAD", "POST", "DELETE", "OPTIONS"],
    exposeHeaders: EXPOSED_HEADERS,
    maxAge: PREFLIGHT_LIFETIME_SECONDS,
  });
  return async (c, next) => {
    const origin = c.req.header("origin");
    const isKnown = origin !== undefined && isKnownOrigin(origin, origins);
    const answer = await lets(c, next);
    const { headers } = answer instanceof Response ? answer : c.res;
    if (isKnown && !isForAll) headers.set("access-control-allow-credentials", "true");
    if (isKnown && c.req.header("access-control-request-private-network") === "true") {
      headers.set("access-control-allow-private-network", "true");
    }
    return answer;
  };
}
