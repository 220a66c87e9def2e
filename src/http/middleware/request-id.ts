import { randomUUID } from "node:crypto";
import type { MiddlewareHandler } from "hono";
import type { HttpEnv } from "../context.ts";

/**
 * Gives each request an id of its own and answers with it in `x-request-id`. As OpenAI does, an id from the client is not taken over:
 * two requests could share it. `x-client-request-id` goes into the access log instead.
 */
export function requestId(): MiddlewareHandler<HttpEnv> {
  return async (c, next) => {
    // Node draws the random bytes of many UUIDs at once, and those of `randomBytes` one by one.
    const id = `req_${randomUUID().replaceAll("-", "")}`;
    c.set("requestId", id);
    await next();
    c.res.headers.set("x-request-id", id);
  };
}
