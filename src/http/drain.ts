import type { Server } from "node:http";
import type { Traffic } from "./traffic.ts";

/**
 * Prepares a server to stop without cutting off requests. Call it before the server accepts its first request.
 *
 * @returns a function that stops listening and closes each connection once it has no request in progress; its promise resolves
 *   when all are closed. Node alone would keep serving the connections that clients keep open until they time out.
 */
export function prepareDrain(server: Server, traffic: Traffic): () => Promise<void> {
  let draining = false;

  traffic.listen({
    asked(_, __, response) {
      if (draining) response.setHeader("connection", "close");
    },
    answered() {
      // The connection counts as idle only after the event that tells of it.
      if (draining) setImmediate(() => server.closeIdleConnections());
    },
  });

  return () => {
    draining = true;
    for (const { inHand } of traffic.open) {
      for (const response of inHand) if (!response.headersSent) response.setHeader("connection", "close");
    }
    // Also closes the connections that are idle now.
    return new Promise((resolve) => server.close(() => resolve()));
  };
}
