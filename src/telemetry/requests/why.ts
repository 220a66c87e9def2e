import type { RequestRecord } from "./record.ts";
import { asideMs, type Span, timelineOf } from "./timeline.ts";
import type { RequestDetail } from "./wire.ts";
import { counted, showMs } from "./words.ts";

/** Why a request took as long as it did. */
export type Reason = {
  readonly cause: RequestDetail["reasons"][number]["cause"];
  readonly ms: number;
  readonly sentence: string;
};

/** Steps that are this much slower than of a request alone are told as shared. */
const SHARED = 1.3;
const LEAST_OTHERS = 0.5;
/** What takes less time is not worth a word; what is read took its way over the network, too. */
const LEAST_MS = 5;
const LEAST_CLIENT_MS = 50;
/** A request that took less than this was not slow. */
const SLOW_MS = 1_000;

/**
 * What a request's time was spent for, what took longest first. By rules over what is known of it; empty for one that was answered from the cache or
 * not at all.
 */
export function reasonsOf(record: RequestRecord): readonly Reason[] {
  const spans = timelineOf(record);
  const reasons = [
    loadReason(record),
    restartReason(record),
    asideReason(record),
    queueReason(record, sumOf(spans, "queue")),
    retryReason(record),
    failoverReason(record),
    prefillReason(record, longestOf(spans, "prefill")),
    decodeReason(record, longestOf(spans, "decode")),
    upstreamReason(record, spans),
    clientReason(record, sumOf(spans, "send")),
  ];
  return reasons
    .filter((reason) => reason !== undefined)
    .filter(({ cause, ms }) => ms >= (cause === "client" ? LEAST_CLIENT_MS : LEAST_MS))
    .toSorted((one, other) => other.ms - one.ms);
}

/** One sentence about a request: why it was slow, or what became of it. @param durationMs until its end, or until now */
export function whySlow(record: RequestRecord, durationMs: number): string {
  const { state, cache, isReplay, error, refusal, firstMs, startedMs, tries } = record;
  const [main] = reasonsOf(record);
  if (state === "waiting") return `It is still waiting for its turn, for ${showMs(durationMs)} so far.`;
  if (state === "running") return `It is still being answered, for ${showMs(durationMs)} so far.`;
  if (state === "failed") {
    const asked = tries.length > 1 ? ` ${counted(tries.length, "target")} were asked.` : "";
    const outcome = refusal === undefined ? "It failed" : "It was refused";
    const limit = refusal === undefined ? "" : ` ${refusal}`;
    return `${outcome} after ${showMs(durationMs)}: ${error ?? "unknown"}.${limit}${asked}`;
  }
  if (state === "left") {
    const when = firstMs === undefined ? "before its first token" : "in the middle of its answer";
    return [
      `Its client left after ${showMs(durationMs)}, ${when}.`,
      ...(main === undefined ? [] : [main.sentence]),
    ].join(" ");
  }
  if (isReplay || cache === "hit") return `It was answered from the cache in ${showMs(durationMs)}.`;
  if (cache === "collapsed") return "It waited for the same answer, which was being generated for an earlier request.";
  if (main === undefined) return `It was not slow: ${showMs(durationMs)} in all.`;
  if (durationMs >= SLOW_MS) return main.sentence;
  const first = firstMs === undefined ? "" : ` to the first token ${showMs(firstMs - startedMs)},`;
  return `It was not slow:${first} in all ${showMs(durationMs)}.`;
}

function loadReason({ loadMs }: RequestRecord): Reason {
  return { cause: "load", ms: loadMs, sentence: `It waited ${showMs(loadMs)} while its model was loaded.` };
}

function restartReason({ restartMs }: RequestRecord): Reason {
  const sentence = `It stood still for ${showMs(restartMs)} while its model's process was started again.`;
  return { cause: "restart", ms: restartMs, sentence };
}

function asideReason(record: RequestRecord): Reason {
  const ms = asideMs(record);
  return {
    cause: "aside",
    ms,
    sentence: `It was set aside so that others could run, and ended ${showMs(ms)} later for that.`,
  };
}

function queueReason({ arrival, class: priority, wait }: RequestRecord, ms: number): Reason | undefined {
  if (wait === undefined) return undefined;
  const before = Math.max(0, wait.position - 1);
  const running =
    arrival === undefined || arrival.running === 0
      ? ""
      : ` while ${counted(arrival.running, "request")} had begun and not ended`;
  const ofClass = arrival === undefined || priority === undefined ? "" : ` (${arrival.sameClass} of class ${priority})`;
  const behind = before === 0 ? "" : ` behind ${counted(before, "other request")}${ofClass}`;
  return { cause: "queue", ms, sentence: `It waited ${showMs(ms)} for its turn${behind}${running}.` };
}

function retryReason({ retries }: RequestRecord): Reason | undefined {
  const [first] = retries;
  if (first === undefined) return undefined;
  const ms = retries.reduce((sum, { pauseMs }) => sum + pauseMs, 0);
  const failure = first.status === undefined ? "could not be reached" : `answered ${first.status}`;
  const again = retries.length === 1 ? "again" : `${retries.length} times more`;
  return { cause: "retry", ms, sentence: `${first.upstream} ${failure}, and was asked ${again} after ${showMs(ms)}.` };
}

function failoverReason({ tries, route }: RequestRecord): Reason | undefined {
  const [first] = tries;
  const last = tries.at(-1);
  if (first === undefined || last === undefined || tries.length < 2) return undefined;
  const ms = last.fromMs - first.fromMs;
  const reason = route?.steps.find(({ target }) => target === first.target)?.reason;
  const because = reason === undefined ? "" : ` (${reason})`;
  const sentence = `${first.target} was asked first and did not answer${because}; ${last.target} was asked after ${showMs(ms)}.`;
  return { cause: "failover", ms, sentence };
}

function prefillReason({ stages, promptTokens, cachedTokens }: RequestRecord, ms: number): Reason | undefined {
  const [stage] = stages;
  if (stage === undefined) return undefined;
  const sentence =
    cachedTokens === 0
      ? `Its prompt of ${counted(promptTokens, "token")} took ${showMs(ms)}: none of it was held from an earlier request.`
      : `${counted(stage.prefillTokens, "token")} of its prompt's ${promptTokens} were not held from an earlier request, and took ${showMs(ms)}.`;
  return { cause: "prefill", ms, sentence };
}

function decodeReason({ stages, others = 0, aloneMsPerToken }: RequestRecord, ms: number): Reason | undefined {
  const tokens = Math.max(...stages.map(({ decodeTokens }) => decodeTokens));
  if (stages.length === 0 || tokens < 1) return undefined;
  const each = ms / tokens;
  const isShared = others >= LEAST_OTHERS && aloneMsPerToken !== undefined && each >= SHARED * aloneMsPerToken;
  if (isShared) {
    const beside = `since ${counted(Math.max(1, Math.round(others)), "other")} ran at the same time`;
    const sentence = `Its ${counted(tokens, "token")} took ${showMs(each)} each, ${beside}; alone they take ${showMs(aloneMsPerToken)}.`;
    return { cause: "shared_decode", ms, sentence };
  }
  const sentence = `Its answer is long: ${counted(tokens, "token")} at ${showMs(each)} each took ${showMs(ms)}.`;
  return { cause: "decode", ms, sentence };
}

function upstreamReason({ model = "Its model", retries }: RequestRecord, spans: readonly Span[]): Reason | undefined {
  const paused = retries.reduce((sum, { pauseMs }) => sum + pauseMs, 0);
  const firstMs = sumOf(spans, "first_token") - paused;
  const answerMs = sumOf(spans, "answer");
  if (firstMs + answerMs <= 0) return undefined;
  return firstMs >= answerMs
    ? {
        cause: "upstream",
        ms: firstMs,
        sentence: `${model} took ${showMs(firstMs)} to its first token, at another server.`,
      }
    : {
        cause: "upstream",
        ms: answerMs,
        sentence: `${model} took ${showMs(answerMs)} to write its answer, at another server.`,
      };
}

function clientReason(_: RequestRecord, ms: number): Reason {
  return {
    cause: "client",
    ms,
    sentence: `Its client read slowly: the answer was sent ${showMs(ms)} after the model had written it.`,
  };
}

function sumOf(spans: readonly Span[], type: Span["type"]): number {
  return spans.reduce((sum, span) => sum + (span.type === type ? span.endMs - span.startMs : 0), 0);
}

function longestOf(spans: readonly Span[], type: Span["type"]): number {
  return Math.max(0, ...spans.filter((span) => span.type === type).map(({ startMs, endMs }) => endMs - startMs));
}
