import type { IncomingMessage } from "node:http";
import type { Context } from "hono";
import type { HttpEnv } from "./context.ts";

/** The request as Node's server has it; undefined where another kind of server, or none, has taken it. */
export function incomingOf(c: Context<HttpEnv>): IncomingMessage | undefined {
  const { incoming } = Object(c.env);
  return typeof incoming === "object" && incoming !== null && "socket" in incoming ? incoming : undefined;
}
