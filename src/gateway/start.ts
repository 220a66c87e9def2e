import { setTimeout } from "node:timers/promises";
import { listenForMetrics } from "../http/metrics-server.ts";
import type { Reload } from "../http/reload.ts";
import { METRICS_PATH } from "../http/routes.ts";
import { type Listening, listen } from "../http/server.ts";
import { isExposed, isLoopback } from "../keys/exposure.ts";
import { createGateway, type Gateway } from "./gateway.ts";
import type { GatewayOptions } from "./options.ts";

/** A listening gateway. */
export type RunningGateway = {
  readonly url: string;
  /** Where the metrics are without a key; absent if they have no port of their own. */
  readonly metricsUrl?: string;
  /** Absent without `readAgain`. */
  readonly reload?: Reload;
  /**
   * Refuses new connections, lets running requests go on for at most `graceMs`, then frees everything. `delayMs` before, `GET /ready` is 503, so
   * that no load balancer sends a request to a closed port.
   */
  stop(graceMs: number, delayMs?: number): Promise<void>;
};

/** The maximum time to send errors to the requests that `stop` cut off. */
const FAREWELL_MS = 1_000;

/**
 * Creates a gateway, listens, and resolves when every model has loaded.
 *
 * It listens first: `/health` answers and `/ready` shows the progress while a large model loads.
 *
 * @throws `ExposedError` if other machines could reach it without a key, the system's error if the address can't be used,
 *   `EngineLoadError` if a model can't be loaded
 */
export async function startGateway(options: GatewayOptions): Promise<RunningGateway> {
  const { host: bound, allowedHosts: allowed } = options.config;
  const gateway = await createGateway({ ...options, hosts: { bound, allowed } });
  await warnIfExposed(gateway, options);
  const { server, url, drain, end } = await listen(gateway.app, {
    ...options.config,
    ...(gateway.front && { front: gateway.front }),
  });
  let metrics: Listening | undefined;
  const close = () => {
    for (const each of [metrics?.server, server]) each?.close();
    metrics?.end();
    end();
  };
  try {
    metrics = await openMetrics(gateway, options);
    await gateway.start();
  } catch (error) {
    close();
    throw error;
  }
  const { reload } = gateway;
  return {
    url,
    ...(metrics && { metricsUrl: `${metrics.url}${METRICS_PATH}` }),
    ...(reload && { reload }),
    async stop(graceMs, delayMs = 0) {
      gateway.leave();
      if (delayMs > 0) await setTimeout(delayMs);
      const closed = drain();
      gateway.leaveStreams();
      await gateway.leaveAsides();
      await settledWithin(
        closed.then(() => gateway.settled()),
        graceMs,
      );
      await gateway.stop();
      await settledWithin(closed, FAREWELL_MS);
      // Until the end it can be seen how the rest ends.
      close();
      await closed;
    },
  };
}

/** Undefined if the metrics have no port of their own. */
async function openMetrics({ writeMetrics }: Gateway, { config, logger }: GatewayOptions) {
  const { metricsPort: port, metricsHost, host: mainHost, allowedHosts } = config;
  if (port === "none" || writeMetrics === undefined) return undefined;
  const host = metricsHost === "" ? mainHost : metricsHost;
  const listening = await listenForMetrics({ ...{ host, port, allowedHosts, limits: config }, write: writeMetrics });
  const where = isLoopback(host) ? "this machine" : "anyone who reaches it";
  logger.info(`Metrics for ${where}, without a key: ${listening.url}${METRICS_PATH}`);
  return listening;
}

async function warnIfExposed(gateway: Gateway, { config, logger }: GatewayOptions): Promise<void> {
  try {
    if (isExposed(config, gateway.access.keys.isOn())) {
      logger.warn(
        `There are no keys, and --insecure is set: any client that reaches ${config.host} can use the models.`,
      );
    }
  } catch (error) {
    await gateway.stop();
    throw error;
  }
}

/** Resolves when `work` does, or after `ms`, whichever comes first. */
async function settledWithin(work: Promise<void>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = globalThis.setTimeout(resolve, ms);
  });
  await Promise.race([work, late]);
  clearTimeout(timer);
}
