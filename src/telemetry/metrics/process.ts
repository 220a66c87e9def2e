import { monitorEventLoopDelay } from "node:perf_hooks";
import { PROCESS } from "./families.ts";
import type { Metrics } from "./registry.ts";

/** How often the event loop is looked at. It happens outside of JavaScript. */
const LOOK_MS = 20;
const NS_PER_S = 1e9;

/** What is known of this process. */
export type ProcessGauges = {
  /** Sets the metrics. Delays of the event loop are those since the last time. */
  readonly read: () => void;
  readonly close: () => void;
};

export function measureProcess(metrics: Metrics): ProcessGauges {
  const delays = monitorEventLoopDelay({ resolution: LOOK_MS });
  delays.enable();

  /** In seconds, without the time between two looks. */
  function lagOf(ns: number): number {
    // Nothing was seen yet: Node tells NaN or 0.
    return ns > 0 ? Math.max(0, ns / NS_PER_S - LOOK_MS / 1_000) : 0;
  }

  return {
    read() {
      const { user, system } = process.cpuUsage();
      const { rss, heapUsed } = process.memoryUsage();
      metrics.value(PROCESS.memory).set(rss);
      metrics.value(PROCESS.processor).set((user + system) / 1e6);
      metrics.value(PROCESS.started).set(Math.round(Date.now() / 1_000 - process.uptime()));
      metrics.value(PROCESS.heap).set(heapUsed);
      metrics.value(PROCESS.lagMedian).set(lagOf(delays.percentile(50)));
      metrics.value(PROCESS.lagHigh).set(lagOf(delays.percentile(99)));
      metrics.value(PROCESS.lagMax).set(lagOf(delays.max));
      delays.reset();
    },
    close: () => void delays.disable(),
  };
}
