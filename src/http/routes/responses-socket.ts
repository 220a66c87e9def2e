import type { Handler } from "hono";
import type { HttpEnv } from "../context.ts";
import { mayBeFromStrangePage } from "../cross-site.ts";
import { describeFailure, HttpError } from "../errors.ts";
import type { RouteDeps } from "../routes.ts";
import { createMemories } from "../websocket/memory.ts";
import { startSession } from "../websocket/session.ts";
import { upgradeOf } from "../websocket/upgrade.ts";
import { sendRefusal, wrongMethod } from "./unknown.ts";

const HOW_TO =
  "POST creates a response, GET /v1/responses/{id} reads a stored one, and GET with `Upgrade: websocket` opens a WebSocket.";

/** What speaks of the connection and its opening, and not of what is asked over it. */
const OF_CONNECTION = /^(connection|upgrade|sec-websocket-.*|content-.*|transfer-encoding|keep-alive|te|expect)$/;

/** More than the longest conversation that a model has room for. */
const MAX_CONNECTION_BYTES = 4 * 1024 * 1024;

/** Of all connections together. */
const MAX_REMEMBERED_BYTES = 256 * 1024 * 1024;

/**
 * `GET /v1/responses` with `Upgrade: websocket`: the WebSocket mode of `POST /v1/responses`. Every message goes the way of such a request, with
 * the headers that opened the connection, so its key, limits, errors and line in the access log are those of one.
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
    if (header("upgrade")?.trim().toLowerCase() !== "websocket") return wrongMethod(c, ["POST"], HOW_TO);
    const upgrade = upgradeOf(c);
    if (upgrade === undefined) {
      const message = "WebSockets can't be opened here. Send POST requests to this URL.";
      return sendRefusal(c, 426, message, "upgrade_required", { upgrade: "websocket" });
    }
    // Browsers ask nobody before they open one, and let the page read what comes.
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
    return upgrade.accept(maxBodyBytes, (channel) => {
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
    });
  };
}
