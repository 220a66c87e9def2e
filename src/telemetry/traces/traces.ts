import type { TraceContext } from "../../generation/trace.ts";
import type { Follow, Follower, FollowRepeat } from "../../generation/watch.ts";
import type { TraceSettings } from "./environment.ts";
import { recordWork, type Work } from "./record.ts";
import { openTeller, type Teller } from "./teller.ts";
import { type Answer, contextOf } from "./tree.ts";

/** What is the same in all answers that are alike. */
type Alike = Pick<Answer, "method" | "path" | "route" | "status" | "error" | "keyId" | "preset">;

/** What an answer has of its own. */
export type OwnAnswer = {
  readonly requestId: string;
  /** From its arrival until it was sent. */
  readonly ms: number;
  readonly clientTrace: () => TraceContext | undefined;
  /** Its place, as it was told at its arrival; undefined if nobody was told of one. */
  readonly trace?: TraceContext | undefined;
};

/** Tells a collector of requests. */
export type Traces = {
  /** The place of a request in its client's trace, or in its own, for its work and for other servers. */
  readonly contextOf: (requestId: string, client: TraceContext | undefined) => TraceContext | undefined;
  readonly answered: (alike: Alike, own: OwnAnswer) => void;
  readonly follow: Follow;
  readonly followRepeat: FollowRepeat;
  /** Sends what is left. */
  readonly close: () => Promise<void>;
};

export type TracesOptions = {
  readonly settings: TraceSettings;
  readonly version: string;
  /** The kind of the server that answers for a model; undefined for this machine. */
  readonly providerOf: (model: string) => string | undefined;
  readonly warn: (problem: string) => void;
  readonly open?: (options: Pick<TracesOptions, "settings" | "version" | "warn">) => Teller;
  /** The time, by a monotonic clock in ms. */
  readonly now?: () => number;
};

/**
 * Requests that are told of in a second, besides those whose clients are in a trace. A span costs as much as a whole answer from the cache, and
 * what a collector doesn't take in time would be dropped span by span.
 */
const MAX_PER_SECOND = 100;

export function openTraces({
  settings,
  version,
  providerOf,
  warn,
  open = openTeller,
  now = () => performance.now(),
}: TracesOptions): Traces {
  const { tell, close } = open({ settings, version, warn });
  const { share, heedsClient } = settings.sampler;

  const mayTell = boundRate(MAX_PER_SECOND, now);

  /** By the trace's id, so that all servers on the way decide alike. */
  function isSampled(traceId: string, client: boolean | undefined): boolean {
    if (heedsClient && client !== undefined) return client;
    return Number.parseInt(traceId.slice(0, 8), 16) < share * 2 ** 32 && mayTell();
  }

  const record = recordWork((work) => tellWork(work, tell, providerOf), settings.withContent);

  return {
    contextOf: (requestId, client) => contextOf(requestId, client, isSampled),
    answered(alike, { requestId, ms, clientTrace, trace }) {
      if (trace?.isSampled === false) return;
      const client = clientTrace();
      // Decided before anything is made: most answers that come here are repeated ones, by the thousands a second.
      const isFree = trace === undefined && client === undefined && share === 1;
      if (isFree && !mayTell()) return;
      const own = trace ?? contextOf(requestId, client, isFree ? () => true : isSampled);
      if (own?.isSampled !== true) return;
      const endMs = now();
      tell({ type: "answer", answer: { ...alike, requestId, startedMs: endMs - ms, endMs }, client, own });
    },
    follow(request, startedMs) {
      return request.terms?.trace?.isTold === true ? record(request, startedMs) : NOBODY;
    },
    // The span of the answer is all that is told.
    followRepeat() {},
    close,
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
function tellWork({ trace, ...work }: Work, tell: Teller["tell"], providerOf: TracesOptions["providerOf"]): void {
  if (trace?.isSampled === true) tell({ type: "work", work, provider: providerOf(work.model), trace });
}
