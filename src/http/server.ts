import { createServer, type RequestListener, type Server } from "node:http";
import { getRequestListener, type Http2Bindings, type HttpBindings } from "@hono/node-server";
import { boundConnections, type ConnectionLimits, serverOptions } from "./connections.ts";
import { prepareDrain } from "./drain.ts";
import { noteConnection, takeTurn } from "./loop-turns.ts";
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

type Fetch = (
  request: Request,
  bindings: Pick<HttpBindings, "incoming"> | Pick<Http2Bindings, "incoming">,
) => Response | Promise<Response>;

/** What takes no time, and tells that the process is well: it doesn't wait for requests that came before. */
const PROBES: readonly (string | undefined)[] = ["/health", "/ready"];

/** Serves an app. Rejects with the system's error when the address can't be had. */
export function listen(app: { readonly fetch: Fetch }, options: ListenOptions): Promise<Listening> {
  const { host, port, front = (listener) => listener } = options;
  const fetch = inTurn(app.fetch);
  return new Promise((resolve, reject) => {
    const server = createServer(serverOptions(options), front(getRequestListener(fetch, { hostname: host })));
    const drainRequests = prepareDrain(server);
    const sockets = takeUpgrades(server, fetch, options);
    const drain = () => {
      sockets.drain();
      return drainRequests();
    };
    const end = () => {
      sockets.end();
      server.closeAllConnections();
    };
    boundConnections(server, options);
    server.on("connection", noteConnection);
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve({ server, drain, end, url: `http://${host.includes(":") ? `[${host}]` : host}:${portOf(server)}` });
    });
  });
}

function inTurn(fetch: Fetch): Fetch {
  return (request, bindings) =>
    PROBES.includes(bindings.incoming.url) ? fetch(request, bindings) : takeTurn().then(() => fetch(request, bindings));
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}
