import type { Server } from "node:http";
import { type Http2Bindings, type HttpBindings, serve } from "@hono/node-server";
import { boundConnections, type ConnectionLimits, serverOptions } from "./connections.ts";
import { prepareDrain } from "./drain.ts";
import { noteConnection, takeTurn } from "./loop-turns.ts";

export type Listening = {
  readonly server: Server;
  readonly url: string;
  /** Takes no more requests, and resolves when those in hand are answered. */
  readonly drain: () => Promise<void>;
};

export type ListenOptions = ConnectionLimits & { readonly host: string; readonly port: number };

type Fetch = (request: Request, bindings: HttpBindings | Http2Bindings) => Response | Promise<Response>;

/** What takes no time, and tells that the process is well: it doesn't wait for requests that came before. */
const PROBES: readonly (string | undefined)[] = ["/health", "/ready"];

/** Serves an app. Rejects with the system's error when the address can't be had. */
export function listen(app: { readonly fetch: Fetch }, options: ListenOptions): Promise<Listening> {
  const { host, port } = options;
  return new Promise((resolve, reject) => {
    // Without options for TLS or HTTP/2 it is node:http's.
    const server = serve(
      { fetch: inTurn(app.fetch), hostname: host, port, serverOptions: serverOptions(options) },
      (address) => {
        server.off("error", reject);
        resolve({ server, drain, url: `http://${host.includes(":") ? `[${host}]` : host}:${address.port}` });
      },
    ) as Server;
    const drain = prepareDrain(server);
    boundConnections(server, options);
    server.on("connection", noteConnection);
    server.once("error", reject);
  });
}

function inTurn(fetch: Fetch): Fetch {
  return (request, bindings) =>
    PROBES.includes(bindings.incoming.url) ? fetch(request, bindings) : takeTurn().then(() => fetch(request, bindings));
}
