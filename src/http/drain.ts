import type { Server, ServerResponse } from "node:http";

/**
 * Prepares a server to stop without cutting off requests. Call it before the server accepts its first request.
 *
 * @returns a function that stops listening and closes each connection once it has no request in progress; its promise resolves
 *   when all are closed. Node alone would keep serving the connections that clients keep open until they time out.
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
