import type { TraceContext } from "../../generation/trace.ts";
import type { Follow, Follower } from "../../generation/watch.ts";
import type { TraceSettings } from "./environment.ts";
import { openTraceExport, type TraceExport } from "./export.ts";
import { recordWork, type Work } from "./record.ts";
import { type Answer, contextOf, spanOfAnswer, spanOfWork } from "./tree.ts";

/** Tells a collector of requests. */
export type Traces = {
  /** The place of a request in its client's trace, or in its own, for its work and for other servers. */
  readonly contextOf: (requestId: string, client: TraceContext | undefined) => TraceContext | undefined;
  /** @param own its place, as it was told at its arrival; undefined if nobody was told of one */
  readonly answered: (answer: Answer, client: TraceContext | undefined, own: TraceContext | undefined) => void;
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
  /** The time, by a monotonic clock in ms. */
  readonly now?: () => number;
};

/**
 * Requests that are told of in a second, besides those whose clients are in a trace. A span costs as much as a whole answer from the cache, and
 * what a collector doesn't take in time would be dropped span by span.
 */
const MAX_PER_SECOND = 100;

/** Reads OpenTelemetry's libraries, so it is called only where traces are asked for. */
export async function openTraces({
  settings,
  version,
  providerOf,
  warn,
  open = openTraceExport,
  now = () => performance.now(),
}: TracesOptions): Promise<Traces> {
  const spans: TraceExport = await open({ settings, version, toUnixMs: (ms) => performance.timeOrigin + ms, warn });
  const { share, heedsClient } = settings.sampler;

  const mayTell = boundRate(MAX_PER_SECOND, now);

  /** By the trace's id, so that all servers on the way decide alike. */
  function isSampled(traceId: string, client: boolean | undefined): boolean {
    if (heedsClient && client !== undefined) return client;
    return Number.parseInt(traceId.slice(0, 8), 16) < share * 2 ** 32 && mayTell();
  }

  const record = recordWork((work) => tellWork(work, spans, providerOf), settings.withContent);
  const place = (requestId: string, client: TraceContext | undefined) => contextOf(requestId, client, isSampled);

  return {
    contextOf: place,
    answered(answer, client, placed) {
      const own = placed ?? place(answer.requestId, client);
      if (own?.isSampled === true) spans.tell(spanOfAnswer(answer), client, own);
    },
    follow(request, startedMs) {
      return request.terms?.trace?.isTold === true ? record(request, startedMs) : NOBODY;
    },
    close: spans.close,
  };
}

/** Follows what is in nobody's trace. */
const NOBODY: Follower = { event() {}, note() {} };

/** Returns whether one more is within so many a second. */
function boundRate(perSecond: number, now: () => number): () => boolean {
  let left = perSecond;
  let atMs = now();
  return () => {
    const nowMs = now();
    left = Math.min(perSecond, left + ((nowMs - atMs) / 1_000) * perSecond);
    atMs = nowMs;
    if (left < 1) return false;
    left -= 1;
    return true;
  };
}

/** Work of the gateway's own, such as a warm-up, is in nobody's trace. */
function tellWork({ trace, ...work }: Work, spans: TraceExport, providerOf: TracesOptions["providerOf"]): void {
  if (trace?.isSampled === true) spans.tell(spanOfWork(work, providerOf(work.model)), trace);
}
