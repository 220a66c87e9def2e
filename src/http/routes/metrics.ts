import type { Handler } from "hono";
import type { HttpEnv } from "../context.ts";
import { HttpError } from "../errors.ts";

/** Prometheus' text format. https://prometheus.io/docs/instrumenting/exposition_formats/ */
const HEADERS = { "content-type": "text/plain; version=0.0.4; charset=utf-8", "cache-control": "no-store" };

/** `GET /metrics`: what Prometheus and those that choose among model servers read. */
export function showMetrics(write: (() => string) | undefined): Handler<HttpEnv> {
  return (c) => {
    if (write === undefined) {
      throw new HttpError(
        404,
        "Metrics are off here. Start the gateway with --metrics key or --metrics open.",
        "metrics_off",
      );
    }
    return c.body(write(), 200, HEADERS);
  };
}
