import type { IncomingMessage, Server, ServerOptions, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { asksForWebSocket } from "./websocket/upgrade.ts";

/** How long, and how slowly, clients may hold connections. */
export type ConnectionLimits = {
  /** How long a request's headers may take, from the connection's opening on for the first. */
  readonly headerTimeoutMs: number;
  /** Within each of these a body must bring `minBodyRate`. */
  readonly bodyTimeoutMs: number;
  /** Bytes a second. */
  readonly minBodyRate: number;
  /** How long a connection may lie idle after an answer. */
  readonly keepAliveMs: number;
  /** How long a client may take nothing of what waits to be sent to it. */
  readonly readTimeoutMs: number;
  /** Beyond it those go that have lain idle longest, and where none is idle the newest. */
  readonly maxConnections: number;
};

/** How often Node looks for connections whose headers are late, and we for bodies that are. */
const LOOK_EVERY_MS = 1_000;

/** A body that is on its way, with what had come when it was last found fast enough. */
type Upload = {
  readonly incoming: IncomingMessage;
  readonly response: ServerResponse;
  sinceMs: number;
  bytes: number;
};

/**
 * What Node's own server bounds. Not the time of a whole request, since a large body over a slow line may take long: `boundConnections`
 * looks at its rate.
 */
export function serverOptions({ headerTimeoutMs, keepAliveMs }: ConnectionLimits): ServerOptions {
  return {
    headersTimeout: headerTimeoutMs,
    requestTimeout: 0,
    keepAliveTimeout: keepAliveMs,
    connectionsCheckingInterval: Math.min(LOOK_EVERY_MS, headerTimeoutMs),
    shouldUpgradeCallback: asksForWebSocket,
  };
}

/**
 * Ends connections that clients hold for nothing. An answer that the client waits for may take as long as it takes. Call it before the
 * server takes its first request.
 */
export function boundConnections(server: Server, limits: ConnectionLimits): void {
  boundCount(server, limits.maxConnections);
  boundUploads(server, limits);
  const inHand = countInHand(server);
  // Node tells of a socket on which nothing moved, neither in nor out.
  server.setTimeout(limits.readTimeoutMs, (socket) => {
    const isWaitingForUs = inHand(socket) && socket.writableLength === 0;
    if (!isWaitingForUs) socket.destroy();
  });
}

/** Tells whether a connection has a request in hand. */
function countInHand(server: Server): (socket: Socket) => boolean {
  const counts = new WeakMap<Socket, number>();
  const change = (socket: Socket, by: number) => counts.set(socket, (counts.get(socket) ?? 0) + by);
  server.prependListener("request", ({ socket }, response) => {
    change(socket, 1);
    response.once("close", () => change(socket, -1));
  });
  return (socket) => (counts.get(socket) ?? 0) > 0;
}

function boundCount(server: Server, max: number): void {
  let open = 0;
  /** Those without a request, the one that is idle longest first. */
  const idle = new Set<Duplex>();
  server.prependListener("connection", (socket: Socket) => {
    open += 1;
    idle.add(socket);
    socket.once("close", () => {
      open -= 1;
      idle.delete(socket);
    });
    const [oldest] = idle;
    if (open > max) oldest?.destroy();
  });
  // `takeUpgrades` bounds these.
  server.prependListener("upgrade", (_, socket) => idle.delete(socket));
  server.prependListener("request", ({ socket }, response) => {
    idle.delete(socket);
    response.once("close", () => {
      if (!socket.destroyed) idle.add(socket);
    });
  });
}

function boundUploads(server: Server, { bodyTimeoutMs, minBodyRate }: ConnectionLimits): void {
  const uploads = new Set<Upload>();
  const leastBytes = Math.max(1, (minBodyRate * bodyTimeoutMs) / 1_000);
  const everyMs = Math.min(LOOK_EVERY_MS, bodyTimeoutMs / 2);
  let timer: NodeJS.Timeout | undefined;
  let lookedMs = 0;

  server.prependListener("request", (incoming, response) => {
    const { "content-length": length = "0", "transfer-encoding": encoding } = incoming.headers;
    if (length === "0" && encoding === undefined) return;
    const upload = { incoming, response, sinceMs: performance.now(), bytes: incoming.socket.bytesRead };
    uploads.add(upload);
    // Held until the next look, those of thousands of short requests would fill V8's old generation.
    response.once("close", () => {
      if (incoming.complete) uploads.delete(upload);
    });
    if (timer === undefined) {
      lookedMs = performance.now();
      timer = setInterval(look, everyMs).unref();
    }
  });

  function look(): void {
    const sinceLookMs = performance.now() - lookedMs;
    lookedMs = performance.now();
    // Where this process itself stood still, what came meanwhile has yet to be read.
    if (sinceLookMs > 2 * everyMs) return;
    for (const upload of uploads) if (isOver(upload)) uploads.delete(upload);
    if (uploads.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  }

  function isOver(upload: Upload): boolean {
    const { incoming, response, sinceMs, bytes } = upload;
    const { socket, complete, destroyed } = incoming;
    if (complete || destroyed || socket.destroyed) return true;
    // What we don't read now the client can't send.
    const isRead = incoming.readableFlowing === true;
    const isFast = socket.bytesRead - bytes >= leastBytes;
    if (isRead && !isFast && performance.now() - sinceMs >= bodyTimeoutMs) {
      refuse(socket, response);
      return true;
    }
    if (!isRead || isFast) {
      upload.sinceMs = performance.now();
      upload.bytes = socket.bytesRead;
    }
    return false;
  }
}

const LATE_BODY = JSON.stringify({
  error: {
    message: "The request's body came too slowly, so the server did not wait for its end. Send it again.",
    type: "invalid_request_error",
    param: null,
    code: "request_timeout",
  },
});

/** Whoever handles the request still waits for its body, so it is answered past them. */
function refuse(socket: Socket, response: ServerResponse): void {
  if (response.headersSent) {
    socket.destroy();
    return;
  }
  const head = `HTTP/1.1 408 Request Timeout\r\ncontent-type: application/json\r\ncontent-length: ${LATE_BODY.length}\r\nconnection: close`;
  socket.end(`${head}\r\n\r\n${LATE_BODY}`, () => socket.destroy());
}
