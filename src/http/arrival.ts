import type { IncomingMessage } from "node:http";
import type { Context, Hono } from "hono";
import type { Priority, Replay } from "../generation/terms.ts";
import type { HttpEnv } from "./context.ts";

/** A caller within the process. It is trusted and shows no secret. */
export type InnerCaller = {
  /** The key whose limits, models and tenant apply; undefined for work that was created while no key was needed. */
  readonly keyId: string | undefined;
  /** The class of its requests, unless the key's is lower. Requests can't ask for a higher one. */
  readonly priority?: Priority;
  /** Until when requests of class batch rest while others are there, in Unix ms. */
  readonly restUntilMs?: number;
  /** What the upstream that it leads to has answered already: nothing is asked again. */
  readonly replay?: Replay | undefined;
  /** Whether its requests must not be sent to an upstream that is not local, whatever the key allows. */
  readonly localOnly?: boolean;
  /** The id that its requests have; each has a new one if absent. */
  readonly requestId?: string;
};

/** Private to this module, so that no request can contain one. */
class InnerCall {
  readonly caller: InnerCaller;

  constructor(caller: InnerCaller) {
    this.caller = caller;
  }
}

/**
 * Calls the app's `request` for a caller within the process, such as a batch that resumes after a restart and has only a key's id. All
 * else is as over HTTP: a revoked or expired key gets a 401.
 */
export function requestAs(
  app: Pick<Hono<HttpEnv>, "request">,
  caller: InnerCaller,
): (path: string, init?: RequestInit) => Promise<Response> {
  const env = { inner: new InnerCall(caller) };
  return async (path, init) => app.request(path, init, env);
}

/** Returns undefined if the request came over a connection, or from the app that ours is mounted in. */
export function innerCallerOf(c: Context<HttpEnv>): InnerCaller | undefined {
  const { inner } = Object(c.env);
  return inner instanceof InnerCall ? inner.caller : undefined;
}

/** Returns Node's request; undefined if another kind of server, or none, accepted it. */
export function incomingOf(c: Context<HttpEnv>): IncomingMessage | undefined {
  const { incoming } = Object(c.env);
  return typeof incoming === "object" && incoming !== null && "socket" in incoming ? incoming : undefined;
}
