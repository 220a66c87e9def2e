import type { Backend } from "../../generation/backend.ts";
import type { Follow } from "../../generation/watch.ts";
import { FAMILIES, SLUICE } from "./families.ts";
import { countRestarts, type Models, readModels, readProcess } from "./models.ts";
import { createMetrics } from "./registry.ts";
import { measureRequests } from "./requests.ts";

/** An answer over HTTP. */
type AnsweredRequest = {
  /** As in the API's description, such as `/v1/models/{id}`; undefined for what is no path of the API. */
  readonly path: string | undefined;
  readonly model: string | undefined;
  readonly route: string | undefined;
  readonly status: number;
};

/** The metrics of a gateway. */
export type GatewayMeter = {
  /** Follows requests to models. */
  readonly follow: Follow;
  readonly answered: (request: AnsweredRequest) => void;
  /** A try of a request at an upstream has ended. */
  readonly tried: (upstream: string, outcome: string) => void;
  /** All metrics in Prometheus' text format. */
  readonly write: () => string;
  readonly close: () => void;
};

export type MeterOptions = {
  readonly models: Models & { readonly find: (id: string) => Pick<Backend, "upstream"> | undefined };
  /** Sluice's own. */
  readonly version: string;
};

export function createMeter({ models, version }: MeterOptions): GatewayMeter {
  const metrics = createMetrics(FAMILIES);
  metrics.value(SLUICE.build, version).set(1);
  const stopCounting = countRestarts(metrics, models);
  const providerOf = (id: string) => models.find(id)?.upstream?.kind;
  return {
    follow: measureRequests(metrics, providerOf),
    answered: ({ path, model = "", route = "", status }) =>
      metrics.value(SLUICE.requests, path ?? "other", model, route, String(status)).add(1),
    tried: (upstream, outcome) => metrics.value(SLUICE.upstreamTries, upstream, outcome).add(1),
    write() {
      readModels(metrics, models);
      readProcess(metrics);
      return metrics.write();
    },
    close: stopCounting,
  };
}
