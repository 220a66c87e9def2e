import type { Occupancy } from "../generation/backend.ts";

/** Asks for a report of the load with the answer, and has it (ORCA). */
export const LOAD_FORMAT_HEADER = "endpoint-load-metrics-format";
export const LOAD_HEADER = "endpoint-load-metrics";

/**
 * How busy a model is, in vLLM's names and in the form that was asked for, TEXT or JSON. Undefined for any other form.
 * https://github.com/cncf/xds/blob/main/xds/data/orca/v3/orca_load_report.proto
 */
export function formatLoad(format: string, { waiting, running, kv }: Occupancy): string | undefined {
  const metrics = {
    ...(kv !== undefined && kv.roomTokens > 0 && { kv_cache_usage_perc: Math.min(1, kv.heldTokens / kv.roomTokens) }),
    num_requests_waiting: waiting,
    num_requests_running: running,
  };
  switch (format.trim().toLowerCase()) {
    case "text":
      return `TEXT ${Object.entries(metrics)
        .map(([name, value]) => `named_metrics.${name}=${value}`)
        .join(", ")}`;
    case "json":
      return `JSON ${JSON.stringify({ named_metrics: metrics })}`;
    default:
      return undefined;
  }
}
