import type { Server } from "node:http";
import { serve } from "@hono/node-server";
import { boundConnections, type ConnectionLimits, serverOptions } from "./connections.ts";
import { prepareDrain } from "./drain.ts";

export type Listening = {
  readonly server: Server;
  readonly url: string;
  /** Takes no more requests, and resolves when those in hand are answered. */
  readonly drain: () => Promise<void>;
};

export type ListenOptions = ConnectionLimits & { readonly host: string; readonly port: number };

/** Serves an app. Rejects with the system's error when the address can't be had. */
export function listen(
  app: { readonly fetch: (request: Request) => Response | Promise<Response> },
  options: ListenOptions,
): Promise<Listening> {
  const { host, port } = options;
  return new Promise((resolve, reject) => {
    // Without options for TLS or HTTP/2 it is node:http's.
    const server = serve(
      { fetch: app.fetch, hostname: host, port, serverOptions: serverOptions(options) },
      (address) => {
        server.off("error", reject);
        resolve({ server, drain, url: `http://${host.includes(":") ? `[${host}]` : host}:${address.port}` });
      },
    ) as Server;
    const drain = prepareDrain(server);
    boundConnections(server, options);
    server.once("error", reject);
  });
}
