import type { Handler } from "hono";
import type { HttpEnv } from "../context.ts";
import { mayBeFromStrangePage } from "../cross-site.ts";
import { describeFailure, HttpError } from "../errors.ts";
import type { RouteDeps } from "../routes.ts";
import { createMemories } from "../websocket/memory.ts";
import { startSession } from "../websocket/session.ts";
import { type Channel, upgradeOf } from "../websocket/upgrade.ts";
import { sendRefusal } from "./unknown.ts";

const HOW_TO =
  "GET requests to this URL need `Upgrade: websocket`. Use POST to create a response, or GET /v1/responses/{id} to read a stored one.";

/** The headers about the connection and its opening, not about the requests on it. */
const OF_CONNECTION =
  /^(connection|upgrade|sec-websocket-.*|content-.*|transfer-encoding|keep-alive|te|expect|sluice-resume|last-event-id)$/;

/** More than the longest conversation that fits into a model's context. */
const MAX_CONNECTION_BYTES = 4 * 1024 * 1024;

/** For all connections together. */
const MAX_REMEMBERED_BYTES = 256 * 1024 * 1024;

/**
 * `GET /v1/responses` with `Upgrade: websocket`: the WebSocket mode of `POST /v1/responses`. Every message is handled like such a request
 * with the connection's headers, so it has the same authentication, limits, errors and entry in the access log.
 */
export function connectResponses({
  maxBodyBytes,
  corsOrigins,
  maxRememberedBytes = MAX_REMEMBERED_BYTES,
  logger,
}: Pick<RouteDeps, "maxBodyBytes" | "corsOrigins" | "maxRememberedBytes" | "logger">): Handler<HttpEnv> {
  const newMemory = createMemories(maxRememberedBytes);
  return (c) => {
    const header = (name: string) => c.req.header(name);
    if (header("upgrade")?.trim().toLowerCase() !== "websocket")
      return sendRefusal(c, 405, HOW_TO, "method_not_supported", { allow: "POST" });
    const upgrade = upgradeOf(c);
    if (upgrade === undefined) {
      const message = "WebSockets can't be opened here. Send POST requests to this URL.";
      return sendRefusal(c, 426, message, "upgrade_required", { upgrade: "websocket" });
    }
    // Browsers open one without a preflight, and let the page read the messages.
    if (mayBeFromStrangePage({ header, host: header("host") ?? "" }, corsOrigins)) {
      throw new HttpError(
        403,
        "Pages of this origin may not connect. Start Sluice with --cors-origins ORIGIN to let them.",
        "origin_not_allowed",
      );
    }
    const { url, headers } = c.req.raw;
    const requestId = c.get("requestId");
    const passed = [...headers].filter(([name]) => !OF_CONNECTION.test(name));
    const memory = newMemory(Math.min(maxBodyBytes, MAX_CONNECTION_BYTES));
    const begin = (channel: Channel) => {
      channel.ws.once("close", () => memory.close());
      return startSession(channel, {
        maxBytes: maxBodyBytes,
        post(body, signal) {
          const length = String(Buffer.byteLength(body));
          const own = new Headers([...passed, ["content-type", "application/json"], ["content-length", length]]);
          return upgrade.ask(new Request(url, { method: "POST", headers: own, body, signal }), { memory });
        },
        describe(error) {
          const { unexpected, ...told } = describeFailure(error, requestId);
          if (unexpected) logger.error({ requestId, err: error }, "internal error on a WebSocket");
          return told;
        },
      });
    };
    return upgrade.accept({ maxMessageBytes: maxBodyBytes, begin, owner: c.get("key")?.id });
  };
}
