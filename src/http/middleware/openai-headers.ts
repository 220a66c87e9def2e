import type { MiddlewareHandler } from "hono";
import type { HttpEnv } from "../context.ts";

/** The version of OpenAI's API, in its own header; it never changed. */
const API_VERSION = "2020-10-01";

/**
 * Answers with `openai-version` and `openai-processing-ms`: how long it took until the headers were ready to be sent. For a stream
 * that is the time until the first event.
 */
export function openaiHeaders(now: () => number): MiddlewareHandler<HttpEnv> {
  return async (c, next) => {
    const startedMs = now();
    await next();
    c.res.headers.set("openai-version", API_VERSION);
    c.res.headers.set("openai-processing-ms", String(Math.max(0, Math.round(now() - startedMs))));
  };
}
