import type { Server, ServerResponse } from "node:http";

/**
 * Prepares a server for an end that cuts nobody off. Call it before the server takes its first request.
 *
 * @returns a function that stops listening and closes every connection as soon as it has no request in hand; its promise resolves
 *   when all are closed. Node alone would go on serving connections that clients keep open, and wait for them to time out.
 */
export function prepareDrain(server: Server): () => Promise<void> {
  const inHand = new Set<ServerResponse>();
  let draining = false;

  server.prependListener("request", (_, response) => {
    inHand.add(response);
    if (draining) response.setHeader("connection", "close");
    response.once("close", () => {
      inHand.delete(response);
      // The connection counts as idle only after this event.
      if (draining) setImmediate(() => server.closeIdleConnections());
    });
  });

  return () => {
    draining = true;
    for (const response of inHand) if (!response.headersSent) response.setHeader("connection", "close");
    // Also closes the connections that are idle now.
    return new Promise((resolve) => server.close(() => resolve()));
  };
}
