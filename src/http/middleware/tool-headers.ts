import type { MiddlewareHandler } from "hono";
import type { HttpEnv } from "../context.ts";

export const TOOLS_DROPPED_HEADER = "sluice-tools-dropped";

/** What a header holds of names that clients choose. */
const MAX_LENGTH = 1_024;

/** Tells which of the tools that a request offers the model is not told of, because they can't exist here. */
export function toolHeaders(): MiddlewareHandler<HttpEnv> {
  return async (c, next) => {
    await next();
    const { droppedTools = [] } = c.get("facts");
    if (droppedTools.length > 0) {
      const names = droppedTools.map((name) => name.replace(/[^\x21-\x7e]|,/g, "_"));
      c.res.headers.set(TOOLS_DROPPED_HEADER, names.join(", ").slice(0, MAX_LENGTH));
    }
  };
}
