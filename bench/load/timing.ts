import type { Measurement } from "../figures.ts";
import { quantile } from "../statistics.ts";
import type { Reply } from "./client.ts";

/** From the request until the first text, in ms. */
export function timeToFirstToken({ startedMs, arrivalsMs }: Reply): number {
  return firstOf(arrivalsMs) - startedMs;
}

/** The gaps between one text and the next, in ms. */
export function gaps({ arrivalsMs }: Pick<Reply, "arrivalsMs">): readonly number[] {
  return arrivalsMs.slice(1).map((atMs, index) => atMs - (arrivalsMs[index] ?? Number.NaN));
}

/** Tokens a second of one stream from its first token on. */
export function decodeRate({ arrivalsMs, completionTokens }: Reply): number {
  return perSecond(completionTokens - 1, lastOf(arrivalsMs) - firstOf(arrivalsMs));
}

/** Tokens a second of all streams together, from the first request to the last text. */
export function outputRate(replies: readonly Reply[]): number {
  const tokens = replies.reduce((sum, { completionTokens }) => sum + completionTokens, 0);
  return perSecond(tokens, wallMs(replies));
}

/** From the first request to the last text, in ms. */
export function wallMs(replies: readonly Reply[]): number {
  const startedMs = Math.min(...replies.map((reply) => reply.startedMs));
  return Math.max(...replies.map(({ arrivalsMs }) => lastOf(arrivalsMs))) - startedMs;
}

/** p50, p95 and p99 of the time to the first token. */
export function ttftFigures(replies: readonly Reply[]): Measurement {
  const values = replies.map(timeToFirstToken);
  return { ttftP50Ms: quantile(values, 0.5), ttftP95Ms: quantile(values, 0.95), ttftP99Ms: quantile(values, 0.99) };
}

/** p50, p95, p99 and the worst of the gaps of all streams together. */
export function itlFigures(replies: readonly Reply[]): Measurement {
  const values = replies.flatMap(gaps);
  return {
    itlP50Ms: quantile(values, 0.5),
    itlP95Ms: quantile(values, 0.95),
    itlP99Ms: quantile(values, 0.99),
    itlWorstMs: Math.max(...values),
  };
}

/** How much of the prompts the server took from its cache, in per cent. */
export function cachedShare(replies: readonly Reply[]): number {
  const sum = (count: (reply: Reply) => number) => replies.reduce((total, reply) => total + count(reply), 0);
  return (100 * sum((reply) => reply.cachedTokens)) / sum((reply) => reply.promptTokens);
}

export function perSecond(count: number, ms: number): number {
  return (1000 * count) / ms;
}

function firstOf(values: readonly number[]): number {
  return values[0] ?? Number.NaN;
}

function lastOf(values: readonly number[]): number {
  return values.at(-1) ?? Number.NaN;
}
