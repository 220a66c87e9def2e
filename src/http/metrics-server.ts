import { Hono } from "hono";
import { isLoopback } from "../keys/exposure.ts";
import type { ConnectionLimits } from "./connections.ts";
import type { HttpEnv } from "./context.ts";
import { type HostPolicy, isOwnHost } from "./hosts.ts";
import { showMetrics } from "./routes/metrics.ts";
import { METRICS_PATH } from "./routes.ts";
import { type Listening, listen } from "./server.ts";

export type MetricsServerOptions = {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  readonly limits: Omit<ConnectionLimits, "maxConnections">;
  /** Names under which it may be asked, in addition to its own; any with `*`. */
  readonly allowedHosts: readonly string[];
  readonly write: () => string;
};

/** A scraper and its spare; more connections than these are closed. */
const MAX_CONNECTIONS = 64;

/**
 * Serves the metrics at a port of their own, without a key, and nothing else there. Rejects with the system's error when the address can't be had.
 */
export function listenForMetrics(options: MetricsServerOptions): Promise<Listening> {
  const { host, port, limits, allowedHosts, write } = options;
  const policy: HostPolicy = { bound: host, allowed: allowedHosts };
  const app = new Hono<HttpEnv>();
  app.get(METRICS_PATH, (c, next) => {
    // A page that lets its own name resolve to this machine would read them with its browser.
    if (isLoopback(host) && !isOwnHost(c.req.header("host") ?? "", policy)) {
      return c.text("This port answers to its own address and to localhost. --allowed-hosts names others.\n", 403);
    }
    return showMetrics(write)(c, next);
  });
  app.notFound((c) => c.text(`This port has the metrics only: GET ${METRICS_PATH}.\n`, 404));
  return listen(app, { ...limits, maxConnections: MAX_CONNECTIONS, host, port });
}
