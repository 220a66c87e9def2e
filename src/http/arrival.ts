import type { IncomingMessage } from "node:http";
import type { Context, Hono } from "hono";
import type { Priority } from "../generation/terms.ts";
import type { HttpEnv } from "./context.ts";

/** Who calls the app from within the process. It shows no secret: who holds the app is trusted. */
export type InnerCaller = {
  /** The key whose limits, models and tenant hold; undefined for work that was ordered while no key was needed. */
  readonly keyId: string | undefined;
  /** The class of its requests, unless the key's is lower. No request can ask for a better one. */
  readonly priority?: Priority;
  /** Whether its requests must not be sent to another provider, whatever the key allows. */
  readonly localOnly?: boolean;
};

/** Private to this module, so that nothing that is read from a request can be taken for one. */
class InnerCall {
  readonly caller: InnerCaller;

  constructor(caller: InnerCaller) {
    this.caller = caller;
  }
}

/**
 * The app's `request` for a caller within the process, such as a batch that goes on after a restart and has a key's id only. Everything
 * else is as over HTTP: a key that was revoked or has expired is refused with a 401.
 */
export function requestAs(
  app: Pick<Hono<HttpEnv>, "request">,
  caller: InnerCaller,
): (path: string, init?: RequestInit) => Promise<Response> {
  const env = { inner: new InnerCall(caller) };
  return async (path, init) => app.request(path, init, env);
}

/** Undefined where the request came over a connection, or from whoever the app is mounted in. */
export function innerCallerOf(c: Context<HttpEnv>): InnerCaller | undefined {
  const { inner } = Object(c.env);
  return inner instanceof InnerCall ? inner.caller : undefined;
}

/** The request as Node's server has it; undefined where another kind of server, or none, has taken it. */
export function incomingOf(c: Context<HttpEnv>): IncomingMessage | undefined {
  const { incoming } = Object(c.env);
  return typeof incoming === "object" && incoming !== null && "socket" in incoming ? incoming : undefined;
}
