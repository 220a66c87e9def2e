import type { Server } from "node:http";
import { type Http2Bindings, type HttpBindings, serve } from "@hono/node-server";
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

export type ListenOptions = ConnectionLimits & UpgradeBounds & { readonly host: string; readonly port: number };

type Fetch = (
  request: Request,
  bindings: Pick<HttpBindings, "incoming"> | Pick<Http2Bindings, "incoming">,
) => Response | Promise<Response>;

/** What takes no time, and tells that the process is well: it doesn't wait for requests that came before. */
const PROBES: readonly (string | undefined)[] = ["/health", "/ready"];

/** Serves an app. Rejects with the system's error when the address can't be had. */
export function listen(app: { readonly fetch: Fetch }, options: ListenOptions): Promise<Listening> {
  const { host, port } = options;
  const fetch = inTurn(app.fetch);
  return new Promise((resolve, reject) => {
    // Without options for TLS or HTTP/2 it is node:http's.
    const server = serve({ fetch, hostname: host, port, serverOptions: serverOptions(options) }, (address) => {
      server.off("error", reject);
      resolve({ server, drain, end, url: `http://${host.includes(":") ? `[${host}]` : host}:${address.port}` });
    }) as Server;
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
  });
}

function inTurn(fetch: Fetch): Fetch {
  return (request, bindings) =>
    PROBES.includes(bindings.incoming.url) ? fetch(request, bindings) : takeTurn().then(() => fetch(request, bindings));
}
