import { type IncomingMessage, type Server, STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import { type Duplex, Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Context } from "hono";
import type { WebSocket } from "ws";
import type { HttpEnv } from "../context.ts";

/** Why a connection takes no more messages. */
export type Ending = {
  /** The answer to later messages. */
  readonly error: { readonly status: number; readonly code: string; readonly message: string };
  /** The close frame's code and reason (RFC 6455, section 7.4). */
  readonly close: readonly [code: number, reason: string];
};

/** The protocol on one connection. */
export type Session = {
  /** The end of the last request, by `performance.now`; undefined while one is in progress. */
  readonly idleSince: () => number | undefined;
  /** Accepts no more messages, and closes the connection after the remaining answers. */
  readonly retire: (ending: Ending) => void;
};

/** An open connection. */
export type Channel = {
  readonly ws: WebSocket;
  /** Resolves when the client can receive more. A client that reads nothing for too long is disconnected. */
  readonly whenWritable: () => Promise<void>;
};

/** Sends `request` to the app, as if it had come instead of the one that opened the connection. */
type Ask = (request: Request, env: object) => Response | Promise<Response>;

type Fetch = (request: Request, env: { readonly incoming: IncomingMessage }) => Response | Promise<Response>;

export type UpgradeBounds = {
  /** The maximum time in which a client reads nothing while data waits for it. */
  readonly readTimeoutMs: number;
  /** The limit for all connections; at most half of them can be WebSockets. */
  readonly maxConnections: number;
  /** The interval of pings; 30 s if absent. */
  readonly pingEveryMs?: number;
};

/** Proxies close connections that are silent for a minute. */
const PING_EVERY_MS = 30_000;

/** After this many pings without any byte from the client it counts as gone. A single one may just be late, if this process was blocked. */
const MAX_UNANSWERED = 2;

/** OpenAI's limit. */
const MAX_AGE_MS = 60 * 60_000;

const AGED: Ending = {
  error: {
    status: 400,
    code: "websocket_connection_limit_reached",
    message:
      "Responses websocket connection limit reached (60 minutes). Create a new websocket connection to continue.",
  },
  close: [1000, "60 minutes are over"],
};

const STOPPING: Ending = {
  error: { status: 503, code: "server_shutting_down", message: "The server is stopping. Connect again later." },
  close: [1001, "the server is stopping"],
};

const CROWDED: Ending = {
  error: {
    status: 503,
    code: "too_many_connections",
    message: "This connection was closed to make room for others. Connect again.",
  },
  close: [1013, "too many connections, and this one was idle"],
};

/** The answer to a key whose connections are all in use. */
const TOO_MANY_OF_KEY = {
  status: 429,
  code: "too_many_connections",
  message:
    "This API key has as many WebSockets open as it may, and all are in use. Use one of them, or wait for an answer.",
};

type Accepted = {
  readonly maxMessageBytes: number;
  readonly begin: (channel: Channel) => Session;
  /** Whose it is; undefined where no key is needed. */
  readonly owner: string | undefined;
};

/** A request to open a WebSocket, for its handler. */
export class Upgrade {
  readonly ask: Ask;
  accepted: Accepted | undefined;

  constructor(ask: Ask) {
    this.ask = ask;
  }

  /** Accepts the request once the answer, whose headers are sent, has passed all middlewares. */
  accept({ maxMessageBytes, begin, owner }: Accepted): Response {
    this.accepted = { maxMessageBytes, begin, owner };
    return new Response(null);
  }
}

/** Returns undefined if the request isn't one, or if the server can't open WebSockets. */
export function upgradeOf(c: Context<HttpEnv>): Upgrade | undefined {
  const { upgrade } = Object(c.env);
  return upgrade instanceof Upgrade ? upgrade : undefined;
}

/** The path of WebSockets, below any path where the app is mounted. */
const SOCKET_PATH = /\/responses\/*(\?|$)/;

/** Whether a request asks for one. Other upgrades, such as to HTTP/2, may be ignored. */
export function asksForWebSocket({ method, url = "", headers }: IncomingMessage): boolean {
  return method === "GET" && headers.upgrade?.trim().toLowerCase() === "websocket" && SOCKET_PATH.test(url);
}

export type Sockets = {
  /** Accepts no more messages, and closes each connection after its remaining answers. */
  readonly drain: () => void;
  /** Disconnects all clients. */
  readonly end: () => void;
};

type Open = { readonly ws: WebSocket; readonly session: Session; readonly owner: string | undefined };

/** Handles the server's requests to open WebSockets. `ws` is loaded when the first is accepted. */
export function takeUpgrades(server: Server, fetch: Fetch, bounds: UpgradeBounds): Sockets {
  const { readTimeoutMs, maxConnections, pingEveryMs = PING_EVERY_MS } = bounds;
  const open = new Set<Open>();
  const max = Math.ceil(maxConnections / 2);
  const maxOfKey = Math.ceil(maxConnections / 4);
  let isStopping = false;

  server.on("upgrade", (incoming, socket, head) => {
    socket.on("error", () => socket.destroy());
    take(incoming, socket, head).catch(() => socket.destroy());
  });

  async function take(incoming: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const refuse = (answer: Response) => sendAndEnd(answer, socket, readTimeoutMs);
    const upgrade = new Upgrade((request, env) => fetch(request, { ...env, incoming }));
    const request = requestOf(incoming);
    if (request === undefined) return refuse(new Response(null, { status: 400 }));
    const env = { incoming, upgrade };
    const response = await fetch(request, env);
    const { accepted } = upgrade;
    if (accepted === undefined || !response.ok) return refuse(response);
    const lack = makeRoom(accepted.owner);
    if (lack !== undefined) {
      const { status, ...error } = lack;
      const type = status < 500 ? "invalid_request_error" : "server_error";
      return refuse(Response.json({ error: { ...error, type, param: null } }, { status }));
    }
    const { WebSocketServer } = await import("ws");
    // Compression is declined: a small message could expand to a large one.
    const wss = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: accepted.maxMessageBytes,
    });
    wss.on("headers", (lines) => {
      for (const [name, value] of response.headers) lines.push(`${name}: ${value}`);
    });
    wss.handleUpgrade(incoming, socket, head, (ws) => begin(ws, incoming.socket, accepted));
  }

  /** Returns why there is none. A key that has its share makes room among its own. */
  function makeRoom(owner: string | undefined): Ending["error"] | undefined {
    if (isStopping) return STOPPING.error;
    if (owner !== undefined) {
      const own = [...open].filter((each) => each.owner === owner);
      if (own.length >= maxOfKey) return retireIdlest(own) ? undefined : TOO_MANY_OF_KEY;
    }
    return open.size < max || retireIdlest(open) ? undefined : CROWDED.error;
  }

  function retireIdlest(connections: Iterable<Open>): boolean {
    let oldest: Open | undefined;
    let sinceMs = Number.POSITIVE_INFINITY;
    for (const each of connections) {
      const idleMs = each.session.idleSince() ?? sinceMs;
      if (idleMs < sinceMs) [oldest, sinceMs] = [each, idleMs];
    }
    if (oldest === undefined) return false;
    open.delete(oldest);
    oldest.session.retire(CROWDED);
    return true;
  }

  function begin(ws: WebSocket, socket: Socket, accepted: Accepted): void {
    const session = accepted.begin({ ws, whenWritable: () => whenWritable(ws, socket, readTimeoutMs) });
    const entry = { ws, session, owner: accepted.owner };
    open.add(entry);
    const stopPinging = keepPinging(ws, socket, pingEveryMs);
    const age = setTimeout(() => session.retire(AGED), MAX_AGE_MS).unref();
    // After a protocol error `ws` itself closes the connection.
    ws.on("error", () => {});
    ws.once("close", () => {
      open.delete(entry);
      stopPinging();
      clearTimeout(age);
    });
    if (isStopping) session.retire(STOPPING);
  }

  return {
    drain() {
      isStopping = true;
      for (const { session } of open) session.retire(STOPPING);
    },
    end() {
      isStopping = true;
      for (const { ws } of open) ws.terminate();
    },
  };
}

/** Disconnects a client that no longer answers pings. */
function keepPinging(ws: WebSocket, socket: Socket, everyMs: number): () => void {
  let unanswered = 0;
  let bytesRead = -1;
  const timer = setInterval(() => {
    unanswered = socket.bytesRead === bytesRead ? unanswered + 1 : 0;
    bytesRead = socket.bytesRead;
    if (unanswered >= MAX_UNANSWERED) ws.terminate();
    else ws.ping();
  }, everyMs).unref();
  return () => clearInterval(timer);
}

/** Converts the request for a handler. Returns undefined if it has no valid URL. */
function requestOf({ url = "/", headers: { host = "localhost" }, rawHeaders }: IncomingMessage): Request | undefined {
  try {
    const headers = new Headers();
    for (let at = 0; at + 1 < rawHeaders.length; at += 2)
      headers.append(rawHeaders[at] ?? "", rawHeaders[at + 1] ?? "");
    return new Request(url.startsWith("/") ? `http://${host}${url}` : url, { headers });
  } catch {
    return undefined;
  }
}

/** Sends an ordinary answer over the connection, and ends the connection even if the client doesn't. */
async function sendAndEnd({ status, headers, body }: Response, socket: Duplex, timeoutMs: number): Promise<void> {
  const lines = [...headers].map(([name, value]) => `${name}: ${value}\r\n`).join("");
  socket.write(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\r\n${lines}connection: close\r\n\r\n`);
  const source = body === null ? Readable.from([]) : Readable.fromWeb(body);
  await pipeline(source, socket, { signal: AbortSignal.timeout(timeoutMs) });
  socket.destroy();
}

async function whenWritable(ws: WebSocket, socket: Duplex, timeoutMs: number): Promise<void> {
  if (!socket.writableNeedDrain) return;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(() => ws.terminate(), timeoutMs);
    const done = () => {
      clearTimeout(timer);
      socket.off("drain", done);
      socket.off("close", done);
      resolve();
    };
    socket.on("drain", done);
    socket.on("close", done);
  });
}
