import type { Handler } from "hono";
import type { ModelDirectory } from "../../routing/directory.ts";
import type { HttpEnv } from "../context.ts";

/** An engine restarts within seconds. */
const RETRY_AFTER_SECONDS = 5;

const NEVER_STORED = { "cache-control": "no-store" };

/** `GET /health`: the process is alive. The models don't matter. */
export function health(): Handler<HttpEnv> {
  return (c) => c.json({ status: "ok" }, 200, NEVER_STORED);
}

/** `GET /ready`: 200 if at least one model accepts requests, else 503, with every model's state. */
export function ready(models: ModelDirectory): Handler<HttpEnv> {
  return (c) => {
    const states = models.list().map((model) => ({ id: model.id, state: model.state() }));
    // The next request loads an unloaded model.
    return states.some(({ state }) => state === "ready" || state === "unloaded")
      ? c.json({ status: "ready", models: states }, 200, NEVER_STORED)
      : c.json({ status: "unavailable", models: states }, 503, {
          ...NEVER_STORED,
          "retry-after": String(RETRY_AFTER_SECONDS),
        });
  };
}
