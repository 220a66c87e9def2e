import type { Cost, CostOf } from "../../generation/cost.ts";
import type { PrefixReport } from "./prefix/report.ts";
import type { RequestRecord } from "./record.ts";
import { durationOf, timelineOf } from "./timeline.ts";
import { reasonsOf, whySlow } from "./why.ts";
import type { PrefixFinding, RequestDetail, RequestSummary } from "./wire.ts";
import { tellPrefix } from "./words.ts";

/** What writing a record needs. */
export type Writing = {
  /** By a monotonic clock in ms, as the records' times are. */
  readonly nowMs: number;
  /** The Unix time of 0 by that clock. */
  readonly originMs: number;
  readonly costOf: (model: string) => CostOf | undefined;
  /** The name of a key that is known; undefined for any other tenant. */
  readonly keyNameOf: (id: string) => string | undefined;
};

/** A record in the API's words, for a list. */
export function encodeSummary(record: RequestRecord, writing: Writing): RequestSummary {
  const { id, startedMs, state, answer, error, model, route, promptTokens, cachedTokens, completionTokens } = record;
  const durationMs = durationOf(record, writing.nowMs);
  return {
    id,
    object: "request",
    created_ms: Math.round(writing.originMs + startedMs),
    state,
    path: answer?.path ?? null,
    status: answer?.status ?? null,
    error: answer?.error ?? error ?? null,
    model: model ?? null,
    route: route?.route ?? null,
    class: record.class ?? null,
    key: keyOf(record, writing) ?? null,
    preset: answer?.preset ?? null,
    prompt_tokens: promptTokens,
    cached_tokens: cachedTokens,
    completion_tokens: completionTokens,
    cache: record.cache ?? null,
    queue_ms: record.wait === undefined ? null : round(record.wait.ms),
    first_token_ms: record.firstMs === undefined ? null : round(record.firstMs - startedMs),
    duration_ms: round(durationMs),
    cost: costOf(record, writing)?.money ?? null,
    why: whySlow(record, durationMs),
    prefix_lost_ms: lostMs(record.prefix),
  };
}

/** A record in the API's words, with all that is known of it. */
export function encodeDetail(record: RequestRecord, writing: Writing): RequestDetail {
  const { startedMs, steps, route, tries, retries, wait } = record;
  return {
    ...encodeSummary(record, writing),
    operation: record.operation ?? null,
    choices: record.choices,
    max_tokens: record.maxTokens ?? null,
    reasoning_tokens: record.reasoningTokens,
    energy_joules: costOf(record, writing)?.energy?.joules ?? null,
    spans: timelineOf(record).map(({ type, startMs, endMs, choice }) => ({
      ...{ type, start_ms: round(startMs), end_ms: round(endMs), choice: choice ?? null },
    })),
    position: wait?.position ?? null,
    tries: tries.map(({ target, fromMs }) => ({ target, at_ms: round(Math.max(0, fromMs - startedMs)) })),
    targets: (route?.steps ?? []).map(({ target, outcome, reason }) => ({ target, outcome, reason: reason ?? null })),
    retries: retries.map(({ upstream, status, pauseMs }) => ({
      ...{ upstream, status: status ?? null, pause_ms: round(pauseMs) },
    })),
    steps:
      steps === undefined
        ? null
        : {
            at_ms: steps.at.map((tenths) => tenths / 10),
            ...{ stride: steps.stride, pieces: steps.pieces },
            ...{ longest_ms: round(steps.longestMs), longest_at_ms: round(steps.longestAtMs) },
          },
    reasons: reasonsOf(record).map(({ cause, ms, sentence }) => ({ cause, ms: round(ms), sentence })),
    prefix: record.prefix === undefined ? null : encodePrefix(record.prefix),
  };
}

/** Whose request it is. The answer over HTTP tells; until it is sent, the tenant of the work does. */
export function keyOf(
  { answer, tenant }: Pick<RequestRecord, "answer" | "tenant">,
  { keyNameOf }: Pick<Writing, "keyNameOf">,
): { readonly id: string; readonly name: string } | undefined {
  if (answer !== undefined) return answer.key;
  const name = tenant === undefined ? undefined : keyNameOf(tenant);
  return tenant === undefined || name === undefined ? undefined : { id: tenant, name };
}

function encodePrefix(report: PrefixReport): PrefixFinding {
  const loss = report.type === "differs" || report.type === "not_held" ? report : undefined;
  return {
    type: report.type,
    sentence: tellPrefix(report),
    earlier: loss?.earlier ?? null,
    tokens: loss?.tokens ?? null,
    ms: loss?.ms ?? null,
    place: report.type === "differs" ? report.place : null,
  };
}

/** What a prefix that was not reused has cost; null if nothing is known. */
export function lostMs(report: PrefixReport | undefined): number | null {
  if (report === undefined || report.type === "unknown") return null;
  return report.type === "differs" || report.type === "not_held" ? report.ms : 0;
}

/** What a request has cost, by what its model's work costs; undefined if nothing is known of it. */
export function costOfRecord(record: RequestRecord, costOf: CostOf | undefined): Cost | undefined {
  const { stages, toldCost, isReplay, promptTokens, cachedTokens, completionTokens } = record;
  if (isReplay) return undefined;
  const joules = stages.map((stage) => stage.joules);
  const isMeasured = stages.length > 0 && !joules.includes(undefined);
  return costOf?.({
    ...{ prompt: promptTokens, cached: cachedTokens, completion: completionTokens },
    ...(stages.length > 0 && { computeMs: stages.reduce((sum, { computeMs }) => sum + computeMs, 0) }),
    ...(isMeasured && { joules: joules.reduce<number>((sum, value) => sum + (value ?? 0), 0) }),
    ...(toldCost !== undefined && { told: toldCost }),
  });
}

function costOf(record: RequestRecord, { costOf: find }: Writing): Cost | undefined {
  return record.model === undefined ? undefined : costOfRecord(record, find(record.model));
}

function round(ms: number): number {
  return Math.round(ms * 10) / 10;
}
