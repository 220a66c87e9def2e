import type { TraceContext } from "../../generation/trace.ts";
import type { Follow } from "../../generation/watch.ts";
import type { TraceSettings } from "./environment.ts";
import { openTraceExport, type TraceExport } from "./export.ts";
import { recordWork, type Work } from "./record.ts";
import { type Answer, contextOf, spanOfAnswer, spanOfWork } from "./tree.ts";

/** Tells a collector of requests. */
export type Traces = {
  /** The place of a request in its client's trace, or in its own, for its work and for other servers. */
  readonly contextOf: (requestId: string, client: TraceContext | undefined) => TraceContext | undefined;
  readonly answered: (answer: Answer, client: TraceContext | undefined) => void;
  readonly follow: Follow;
  /** Sends what is left. */
  readonly close: () => Promise<void>;
};

export type TracesOptions = {
  readonly settings: TraceSettings;
  readonly version: string;
  /** The kind of the server that answers for a model; undefined for this machine. */
  readonly providerOf: (model: string) => string | undefined;
  readonly warn: (problem: string) => void;
  readonly open?: typeof openTraceExport;
};

/** Reads OpenTelemetry's libraries, so it is called only where traces are asked for. */
export async function openTraces({
  settings,
  version,
  providerOf,
  warn,
  open = openTraceExport,
}: TracesOptions): Promise<Traces> {
  const spans: TraceExport = await open({ settings, version, toUnixMs: (ms) => performance.timeOrigin + ms, warn });
  const { share, heedsClient } = settings.sampler;

  /** By the trace's id, so that all servers on the way decide alike. */
  function isSampled(traceId: string, client: boolean | undefined): boolean {
    if (heedsClient && client !== undefined) return client;
    return Number.parseInt(traceId.slice(0, 8), 16) < share * 2 ** 32;
  }

  const place = (requestId: string, client: TraceContext | undefined) => contextOf(requestId, client, isSampled);

  return {
    contextOf: place,
    answered(answer, client) {
      const own = place(answer.requestId, client);
      if (own?.isSampled === true) spans.tell(spanOfAnswer(answer), client, own);
    },
    follow: recordWork((work) => tellWork(work, spans, providerOf), settings.withContent),
    close: spans.close,
  };
}

/** Work of the gateway's own, such as a warm-up, is in nobody's trace. */
function tellWork({ trace, ...work }: Work, spans: TraceExport, providerOf: TracesOptions["providerOf"]): void {
  if (trace?.isSampled === true) spans.tell(spanOfWork(work, providerOf(work.model)), trace);
}
