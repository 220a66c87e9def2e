import type { IncomingMessage, Server, ServerOptions, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Traffic, Upload } from "./traffic.ts";
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

/** The requests whose bodies may bring nothing for as long as they like. */
const unhurried = new WeakSet<IncomingMessage>();

/** Lets a body be as slow as its sender likes, because it is read as it comes. */
export function letTakeItsTime(incoming: IncomingMessage): void {
  unhurried.add(incoming);
}

/** Who sends more requests without waiting for answers is cut off. Load generators send a dozen. */
const MOST_IN_HAND = 64;

/** How often Node looks for connections whose headers are late, and we for bodies that are. */
const LOOK_EVERY_MS = 1_000;

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
export function boundConnections(server: Server, traffic: Traffic, limits: ConnectionLimits): void {
  boundCount(server, traffic, limits.maxConnections);
  traffic.listen({
    asked: ({ socket, inHand }) => {
      if (inHand.length > MOST_IN_HAND) socket.destroy();
    },
  });
  boundUploads(traffic, limits);
  // Node tells of a socket on which nothing moved, neither in nor out.
  server.setTimeout(limits.readTimeoutMs, (socket) => {
    const inHand = traffic.of(socket)?.inHand ?? [];
    const isWaitingForUs = inHand.length > 0 && socket.writableLength === 0;
    if (!isWaitingForUs) socket.destroy();
  });
}

function boundCount(server: Server, traffic: Traffic, max: number): void {
  /** Those without a request, the one that is idle longest first. */
  const idle = new Set<Duplex>();
  traffic.listen({
    opened({ socket }) {
      idle.add(socket);
      const [oldest] = idle;
      if (traffic.open.size > max) oldest?.destroy();
    },
    closed: ({ socket }) => void idle.delete(socket),
    asked: ({ socket }) => void idle.delete(socket),
    answered({ socket }) {
      if (!socket.destroyed) idle.add(socket);
    },
  });
  // `takeUpgrades` bounds these.
  server.prependListener("upgrade", (_, socket) => idle.delete(socket));
}

function boundUploads(traffic: Traffic, { bodyTimeoutMs, minBodyRate }: ConnectionLimits): void {
  const leastBytes = Math.max(1, (minBodyRate * bodyTimeoutMs) / 1_000);
  const everyMs = Math.min(LOOK_EVERY_MS, bodyTimeoutMs / 2);
  let timer: NodeJS.Timeout | undefined;
  let lookedMs = 0;

  traffic.listen({
    asked(connection, incoming, response) {
      const { "content-length": length = "0", "transfer-encoding": encoding } = incoming.headers;
      if (length === "0" && encoding === undefined) return;
      connection.upload = { incoming, response, sinceMs: performance.now(), bytes: connection.socket.bytesRead };
      if (timer === undefined) {
        lookedMs = performance.now();
        timer = setInterval(look, everyMs).unref();
      }
    },
    answered(connection) {
      if (connection.upload?.incoming.complete === true) connection.upload = undefined;
    },
  });

  function look(): void {
    const sinceLookMs = performance.now() - lookedMs;
    lookedMs = performance.now();
    // Where this process itself stood still, what came meanwhile has yet to be read.
    if (sinceLookMs > 2 * everyMs) return;
    let isAnyLeft = false;
    for (const connection of traffic.open) {
      if (connection.upload === undefined) continue;
      if (isOver(connection.upload)) connection.upload = undefined;
      else isAnyLeft = true;
    }
    if (isAnyLeft) return;
    clearInterval(timer);
    timer = undefined;
  }

  function isOver(upload: Upload): boolean {
    const { incoming, response, sinceMs, bytes } = upload;
    const { socket, complete, destroyed } = incoming;
    if (complete || destroyed || socket.destroyed || unhurried.has(incoming)) return true;
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
