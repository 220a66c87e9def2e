import type { Handler } from "hono";
import type { Backend } from "../../generation/backend.ts";
import type { ModelDirectory } from "../../routing/directory.ts";
import type { HttpEnv } from "../context.ts";
import { readVia, VIA_HEADER } from "../via.ts";

/** An engine restarts within seconds. */
const RETRY_AFTER_SECONDS = 5;

const NEVER_STORED = { "cache-control": "no-store" };

/** Names the gateway that answers, so that another one knows which of its upstreams it is. */
const GATEWAY_HEADER = "sluice-gateway";

/** `GET /health`: the process is alive. The models don't matter. */
export function health(): Handler<HttpEnv> {
  return (c) => c.json({ status: "ok" }, 200, NEVER_STORED);
}

/** The next request loads an unloaded model. */
function takesRequests({ state, comesAndGoes }: Backend): boolean {
  const now = state();
  if (now === "ready" || now === "unloaded") return true;
  return (now === "loading" || now === "unloading") && comesAndGoes?.() === true;
}

export type Readiness = {
  readonly models: Pick<ModelDirectory, "list">;
  readonly gatewayId: string;
  /** Whether the gateway is about to stop. */
  readonly isLeaving: () => boolean;
};

/**
 * `GET /ready`: 200 if at least one model accepts requests, else 503, with every model's state.
 *
 * Another gateway is told nothing of the models that it has itself: two upstreams of each other would else be each other's only reason to be
 * ready, or not to be.
 */
export function ready({ models, gatewayId, isLeaving }: Readiness): Handler<HttpEnv> {
  return (c) => {
    const via = readVia(c.req.header(VIA_HEADER));
    const isOther = ({ upstream }: Backend) => !via.includes(upstream?.gatewayId() ?? "");
    const served = models.list().filter(isOther);
    const states = served.map((model) => ({ id: model.id, state: model.state() }));
    const headers = { ...NEVER_STORED, ...(via.length > 0 && { [GATEWAY_HEADER]: gatewayId }) };
    return !isLeaving() && served.some(takesRequests)
      ? c.json({ status: "ready", models: states }, 200, headers)
      : c.json({ status: "unavailable", models: states }, 503, {
          ...headers,
          "retry-after": String(RETRY_AFTER_SECONDS),
        });
  };
}
