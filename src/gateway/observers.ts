import { setImmediate } from "node:timers/promises";
import type { Config } from "../config/schema.ts";
import type { Watch } from "../generation/watch.ts";
import type { NoteAnswer } from "../http/middleware/access-log.ts";
import type { TraceOf } from "../http/trace.ts";
import type { ModelDirectory } from "../routing/directory.ts";
import { createMeter, type GatewayMeter } from "../telemetry/metrics/meter.ts";
import type { RequestBook } from "../telemetry/requests/book.ts";
import type { WasAway } from "../telemetry/requests/prefix/doctor.ts";
import { readTraceSettings } from "../telemetry/traces/environment.ts";
import type { Traces } from "../telemetry/traces/traces.ts";

/** Who follows all requests: metrics, the last requests, and traces where OpenTelemetry's variables ask for them. */
export type Observers = {
  readonly noteAnswer: NoteAnswer | undefined;
  readonly traceOf: TraceOf | undefined;
  readonly writeMetrics: (() => string) | undefined;
  /** The last requests; undefined if none are kept. */
  readonly requests: RequestBook | undefined;
  /** A try of a request at an upstream has ended. */
  readonly tried: GatewayMeter["tried"];
  /** Tells what is left. */
  readonly close: () => Promise<void>;
};

export type ObserversOptions = {
  readonly config: Pick<Config, "metrics" | "recentRequests" | "prefixDoctor">;
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
    settings && (await import("../telemetry/traces/traces.ts")).openTraces({ settings, version, providerOf, warn });
  const requests = await openBook(config, directory);
  for (const each of [meter, traces, requests]) if (each !== undefined) watch.follow(each.follow, each.followRepeat);
  return {
    requests,
    noteAnswer: noteAll([
      meter?.answered,
      requests && ((answered) => (own) => requests.answered(answered, own.requestId, own.ms)),
      traces && noteTraces(traces),
    ]),
    traceOf: traces?.contextOf,
    writeMetrics: meter?.write,
    tried: (upstream, outcome) => meter?.tried(upstream, outcome),
    async close() {
      meter?.close();
      requests?.close();
      // The last answers are told of in the turn after they were sent.
      await setImmediate();
      await traces?.close();
    },
  };
}

/** Undefined if no requests are kept. */
async function openBook(
  { recentRequests: limit, prefixDoctor }: ObserversOptions["config"],
  models: ModelDirectory,
): Promise<RequestBook | undefined> {
  if (limit === 0) return undefined;
  const { createRequestBook } = await import("../telemetry/requests/book.ts");
  const doctor = prefixDoctor ? await import("../telemetry/requests/prefix/doctor.ts") : undefined;
  const openDoctor = doctor && ((wasAway: WasAway) => doctor.createPrefixDoctor({ wasAway }));
  return createRequestBook({ models, limit, ...(openDoctor && { openDoctor }) });
}

/** Tells each of them; undefined if there are none. */
function noteAll(notes: readonly (NoteAnswer | undefined)[]): NoteAnswer | undefined {
  const [first, second, ...others] = notes.filter((note) => note !== undefined);
  if (first === undefined || second === undefined) return first;
  return (answered) => {
    const [one, two] = [first(answered), second(answered)];
    const more = others.map((note) => note(answered));
    return (own) => {
      one(own);
      two(own);
      for (const note of more) note(own);
    };
  };
}

function noteTraces(traces: Traces): NoteAnswer {
  return ({ url: path, path: route, method, status, error, keyId, preset }) => {
    const alike = { method, path, route, status, error, keyId, preset };
    return (own) => traces.answered(alike, own);
  };
}
