import type { Backend } from "../../generation/backend.ts";
import type { Follow, FollowRepeat } from "../../generation/watch.ts";
import { countChanges } from "./changes.ts";
import { FAMILIES, SLUICE } from "./families.ts";
import { type Models, readModels } from "./models.ts";
import { measureProcess } from "./process.ts";
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
  readonly followRepeat: FollowRepeat;
  /** Returns what counts one more answer that is like this one. */
  readonly answered: (request: AnsweredRequest) => () => void;
  /** A try of a request at an upstream has ended. */
  readonly tried: (upstream: string, outcome: string) => void;
  /** All metrics in Prometheus' text format. */
  readonly write: () => string;
  readonly close: () => void;
};

export type MeterOptions = {
  readonly models: Models & { readonly find: (id: string) => Pick<Backend, "upstream" | "costOf"> | undefined };
  /** Sluice's own. */
  readonly version: string;
  /** The time, by a monotonic clock in ms. */
  readonly now?: () => number;
};

export function createMeter({ models, version, now = () => performance.now() }: MeterOptions): GatewayMeter {
  const metrics = createMetrics(FAMILIES);
  metrics.value(SLUICE.build, version).set(1);
  const stopCounting = countChanges(metrics, models, now);
  const ofProcess = measureProcess(metrics);
  return {
    ...measureRequests(metrics, models.find),
    answered({ path, model = "", route = "", status }) {
      const count = metrics.value(SLUICE.requests, path ?? "other", model, route, String(status));
      return () => count.add(1);
    },
    tried: (upstream, outcome) => metrics.value(SLUICE.upstreamTries, upstream, outcome).add(1),
    write() {
      readModels(metrics, models);
      ofProcess.read();
      return metrics.write();
    },
    close() {
      stopCounting();
      ofProcess.close();
    },
  };
}
