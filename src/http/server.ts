import { createServer, type RequestListener, type Server, ServerResponse } from "node:http";
import { getRequestListener, type Http2Bindings, type HttpBindings } from "@hono/node-server";
import { boundConnections, type ConnectionLimits, serverOptions } from "./connections.ts";
import { CutThrough } from "./cut-through.ts";
import { prepareDrain } from "./drain.ts";
import { noteConnection, takeTurn } from "./loop-turns.ts";
import { followTraffic } from "./traffic.ts";
import { takeUpgrades, type UpgradeBounds } from "./websocket/upgrade.ts";

export type Listening = {
  readonly server: Server;
  readonly url: string;
  /** Takes no more requests, and resolves when those in hand are answered. */
  readonly drain: () => Promise<void>;
  /** Cuts off every connection. */
  readonly end: () => void;
};

export type ListenOptions = ConnectionLimits &
  UpgradeBounds & {
    readonly host: string;
    readonly port: number;
    /** Stands in front of the app, and answers some requests in its place. */
    readonly front?: (app: RequestListener) => RequestListener;
  };

type Bindings = Pick<HttpBindings | Http2Bindings, "incoming"> &
  Partial<Pick<HttpBindings | Http2Bindings, "outgoing">> & { readonly cutThrough?: CutThrough };

type Fetch = (request: Request, bindings: Bindings) => Response | Promise<Response>;

/** What takes no time, and tells that the process is well: it doesn't wait for requests that came before. */
const PROBES: readonly (string | undefined)[] = ["/health", "/ready", "/ping", "/v2/health/live", "/v2/health/ready"];

/** Serves an app. Rejects with the system's error when the address can't be had. */
export function listen(app: { readonly fetch: Fetch }, options: ListenOptions): Promise<Listening> {
  const { host, port, front = (listener) => listener } = options;
  const fetch = inTurn(app.fetch);
  return new Promise((resolve, reject) => {
    const listener = front(getRequestListener(fetch, { hostname: host }));
    const server = createServer(serverOptions(options), (incoming, outgoing) => {
      // Node goes on reading what came before a connection was cut off.
      if (!incoming.socket.destroyed) listener(incoming, outgoing);
    });
    const traffic = followTraffic(server);
    const drainRequests = prepareDrain(server, traffic);
    const sockets = takeUpgrades(server, fetch, options);
    const drain = () => {
      sockets.drain();
      return drainRequests();
    };
    const end = () => {
      sockets.end();
      server.closeAllConnections();
    };
    boundConnections(server, traffic, options);
    server.on("connection", noteConnection);
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve({ server, drain, end, url: `http://${host.includes(":") ? `[${host}]` : host}:${portOf(server)}` });
    });
  });
}

/** Has requests begin one after another, and sends their streams past web streams. */
function inTurn(fetch: Fetch): Fetch {
  return (request, bindings) => {
    if (PROBES.includes(bindings.incoming.url)) return fetch(request, bindings);
    const { outgoing } = bindings;
    // Those who ask for a WebSocket have no response.
    if (!(outgoing instanceof ServerResponse)) return takeTurn().then(() => fetch(request, bindings));
    // Sent before the answer to the one before it had gone: Node gives the socket to one answer after another.
    const isAhead = outgoing.socket === null;
    const cutThrough = new CutThrough(outgoing);
    return takeTurn()
      .then(() => (isAhead && isGone(outgoing) ? nobody() : fetch(request, { ...bindings, cutThrough })))
      .then((response) => cutThrough.send(response));
  };
}

/** Whether the connection has closed before the request's turn came. */
function isGone(outgoing: ServerResponse): boolean {
  return outgoing.req.socket.destroyed;
}

/** What is sent to a connection that has closed. */
function nobody(): Response {
  return new Response(null, { status: 499 });
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}
