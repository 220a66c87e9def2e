import type { MiddlewareHandler } from "hono";
import type { HttpEnv } from "../context.ts";

export const QUEUE_MS_HEADER = "sluice-queue-ms";
export const QUEUE_POSITION_HEADER = "sluice-queue-position";

const NO_WAIT = { ms: 0, position: 0 };

/**
 * Tells in headers how long the request waited for its turn, and at which position it began to: of a stream, what is known when its head
 * is sent. A refusal has them only where the request had begun to wait.
 */
export function queueHeaders(): MiddlewareHandler<HttpEnv> {
  return async (c, next) => {
    await next();
    const { wait } = c.get("facts");
    const known = wait?.known() ?? (c.res.status < 400 ? NO_WAIT : undefined);
    if (wait !== undefined && known !== undefined) {
      c.res.headers.set(QUEUE_MS_HEADER, String(known.ms));
      c.res.headers.set(QUEUE_POSITION_HEADER, String(known.position));
    }
  };
}
