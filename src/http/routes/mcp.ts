import type { Context, Handler } from "hono";
import type { Logger } from "pino";
import type { Door } from "../../mcp/server/door.ts";
import { InvalidRequestError } from "../../protocols/errors.ts";
import type { InnerCaller } from "../arrival.ts";
import type { HttpEnv } from "../context.ts";
import { readJson } from "../json-body.ts";
import { LOCAL_ONLY_HEADER } from "../terms.ts";
import { VIA_HEADER } from "../via.ts";
import { keyIdOf } from "./batches.ts";

export type McpDeps = {
  /** Calls this app for somebody. */
  readonly callAs: (caller: InnerCaller) => (path: string, init: RequestInit) => Promise<Response>;
  readonly logger: Logger;
};

/** The headers of a request that hold for what its calls ask. */
const KEPT_HEADERS = [LOCAL_ONLY_HEADER, VIA_HEADER, "cache-control"];

/** The gateway's refusal of what a call asked. Its message is for the client. */
class RefusedCallError extends Error {}

/**
 * `POST /mcp`: one message of MCP, whose calls are requests under the client's key. Nothing is kept between two of them. What MCP needs is loaded by
 * the first.
 */
export function serveMcp({ callAs, logger }: McpDeps): Handler<HttpEnv> {
  return async (c) => {
    const parsedBody = await readJson(c);
    // Of a list each message would be a request that no limit of requests in progress has counted.
    if (Array.isArray(parsedBody))
      throw new InvalidRequestError("Send one message at a time, not a list.", null, "invalid_type");
    const [{ createMcpHandler }, { createMcpServer }] = await Promise.all([
      import("@modelcontextprotocol/server"),
      import("../../mcp/server/server.ts"),
    ]);
    const door = doorOf(c, callAs({ keyId: keyIdOf(c) }));
    const onDefect = (error: unknown) =>
      logger.error({ err: error, requestId: c.get("requestId") }, "a call of MCP has failed");
    // Nothing here changes, so there is nothing to subscribe to.
    const handler = createMcpHandler(() => createMcpServer({ door, onDefect }), { maxSubscriptions: 0 });
    const headers = new Headers(c.req.raw.headers);
    // Clients must take both; who asks by hand needn't say so.
    headers.set("accept", "application/json, text/event-stream");
    const request = new Request(c.req.url, { method: "POST", headers, signal: c.req.raw.signal });
    return handler.fetch(request, { parsedBody });
  };
}

function doorOf(c: Context<HttpEnv>, call: (path: string, init: RequestInit) => Promise<Response>): Door {
  const left = c.req.raw.signal;
  const kept = KEPT_HEADERS.flatMap((name) => {
    const value = c.req.header(name);
    return value === undefined ? [] : [[name, value] as const];
  });
  const headers = { ...Object.fromEntries(kept), "content-type": "application/json" };

  async function ask(path: string, init: RequestInit): Promise<Response> {
    const signal = init.signal ? AbortSignal.any([left, init.signal]) : left;
    const answer = await call(path, { ...init, headers, signal });
    if (!answer.ok) throw new RefusedCallError(await messageOf(answer));
    return answer;
  }
  const post = (path: string, body: object, signal: AbortSignal) =>
    ask(path, { method: "POST", body: JSON.stringify(body), signal });

  return {
    get: async (path) => (await ask(path, { method: "GET" })).json(),
    post: async (path, body, signal) => (await post(path, body, signal)).json(),
    async *stream(path, body, signal) {
      const { EventSourceParserStream } = await import("eventsource-parser/stream");
      const { body: bytes } = await post(path, body, signal);
      const events = bytes?.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream()) ?? [];
      for await (const { data } of events) if (data !== "[DONE]") yield JSON.parse(data);
    },
  };
}

async function messageOf(answer: Response): Promise<string> {
  const text = await answer.text();
  try {
    return String(JSON.parse(text).error.message);
  } catch {
    return `The gateway answered with status ${answer.status}.`;
  }
}
