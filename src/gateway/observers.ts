import { setImmediate } from "node:timers/promises";
import type { Config } from "../config/schema.ts";
import type { Watch } from "../generation/watch.ts";
import type { Answered, NoteAnswer, Own } from "../http/middleware/access-log.ts";
import { readTrace, type TraceOf } from "../http/trace.ts";
import type { ModelDirectory } from "../routing/directory.ts";
import { createMeter, type GatewayMeter } from "../telemetry/metrics/meter.ts";
import { readTraceSettings } from "../telemetry/traces/environment.ts";
import type { Traces } from "../telemetry/traces/traces.ts";

/** Who follows all requests: metrics, and traces where OpenTelemetry's variables ask for them. */
export type Observers = {
  readonly noteAnswer: NoteAnswer | undefined;
  readonly traceOf: TraceOf | undefined;
  readonly writeMetrics: (() => string) | undefined;
  /** A try of a request at an upstream has ended. */
  readonly tried: GatewayMeter["tried"];
  /** Tells what is left. */
  readonly close: () => Promise<void>;
};

export type ObserversOptions = {
  readonly config: Pick<Config, "metrics">;
  readonly watch: Watch;
  readonly directory: ModelDirectory;
  readonly version: string;
  readonly logger: { readonly warn: (text: string) => void };
};

export async function openObservers(options: ObserversOptions): Promise<Observers> {
  const { config, watch, directory, version, logger } = options;
  const providerOf = (model: string) => directory.find(model)?.upstream?.kind;
  const meter = config.metrics === "off" ? undefined : createMeter({ models: directory, version });
  const warn = (problem: string) => logger.warn(problem);
  const settings = readTraceSettings(process.env, warn);
  const traces =
    settings &&
    (await (await import("../telemetry/traces/traces.ts")).openTraces({ settings, version, providerOf, warn }));
  if (meter !== undefined) watch.follow(meter.follow);
  if (traces !== undefined) watch.follow(traces.follow);
  return {
    noteAnswer: traces === undefined ? meter?.answered : (answered, own) => noteBoth(answered, own, meter, traces),
    traceOf: traces?.contextOf,
    writeMetrics: meter?.write,
    tried: (upstream, outcome) => meter?.tried(upstream, outcome),
    async close() {
      meter?.close();
      // The last answers are told of in the turn after they were sent.
      await setImmediate();
      await traces?.close();
    },
  };
}

function noteBoth(answered: Answered, own: Own, meter: GatewayMeter | undefined, traces: Traces): void {
  meter?.answered(answered);
  const { requestId, ms, header } = own;
  const endMs = performance.now();
  const { url: path, path: route, ...others } = answered;
  traces.answered({ ...others, requestId, path, route, startedMs: endMs - ms, endMs }, readTrace(header));
}
