import {
  AGE_HEADER,
  ANTHROPIC_REQUEST_ID_HEADER,
  CACHE_STATUS_HEADER,
  PROCESSING_MS_HEADER,
  QUEUE_MS_HEADER,
  QUEUE_POSITION_HEADER,
  REQUEST_ID_HEADER,
  SCHEMA_DROPPED_HEADER,
  TOOLS_DROPPED_HEADER,
  VERSION_HEADER,
} from "./answer-headers.ts";
import { isKnownOrigin } from "./cross-site.ts";
import { RESUME_HEADER } from "./streams/asked.ts";

/** The headers of an answer that a script in a browser may read, besides those that it may always read. */
const EXPOSED_HEADERS = [
  REQUEST_ID_HEADER,
  ANTHROPIC_REQUEST_ID_HEADER,
  PROCESSING_MS_HEADER,
  VERSION_HEADER,
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
  RESUME_HEADER,
].join(",");

const ALLOWED_METHODS = "GET,HEAD,POST,DELETE,OPTIONS";

const PREFLIGHT_LIFETIME_SECONDS = 600;

/** A request's header by its name in lower case. */
type Header = (name: string) => string | undefined;

/** What web pages of other origins are let do. */
export type Cors = {
  /** The headers of an answer, by their names in lower case. `vary` adds to one that is there. */
  readonly headersFor: (header: Header) => Record<string, string>;
  /** Answers the question that a browser asks before it sends what a page wants to be sent. */
  readonly answerPreflight: (header: Header) => Response;
};

/**
 * Lets web pages of `origins` call the API; `*` stands for all pages. Without origins, undefined: there are no CORS headers at all. Such
 * pages may send any headers: the official clients send a dozen of their own (`x-stainless-…`). Pages that are named may send credentials
 * too, and may reach a private network's address from a public one (https://wicg.github.io/private-network-access/).
 */
export function createCors(origins: readonly string[]): Cors | undefined {
  if (origins.length === 0) return undefined;
  const isForAll = origins.includes("*");

  function headersFor(header: Header): Record<string, string> {
    const origin = header("origin");
    const known = origin !== undefined && isKnownOrigin(origin, origins) ? origin : undefined;
    const asksForPrivateNetwork = header("access-control-request-private-network") === "true";
    return {
      ...(isForAll
        ? { "access-control-allow-origin": "*" }
        : { vary: "Origin", ...(known && { "access-control-allow-origin": known }) }),
      "access-control-expose-headers": EXPOSED_HEADERS,
      ...(known !== undefined && !isForAll && { "access-control-allow-credentials": "true" }),
      ...(known !== undefined && asksForPrivateNetwork && { "access-control-allow-private-network": "true" }),
    };
  }

  return {
    headersFor,
    answerPreflight(header) {
      const asked = header("access-control-request-headers");
      const allowed = asked?.split(",").map((name) => name.trim());
      return new Response(null, {
        status: 204,
        statusText: "No Content",
        headers: {
          "access-control-max-age": String(PREFLIGHT_LIFETIME_SECONDS),
          "access-control-allow-methods": ALLOWED_METHODS,
          ...(allowed && {
            "access-control-allow-headers": allowed.join(","),
            vary: "Access-Control-Request-Headers",
          }),
        },
      });
    },
  };
}
