import type { Measurement } from "../figures.ts";
import { quantile } from "../statistics.ts";
import type { Kind } from "./arrivals.ts";
import type { Outcome } from "./outcome.ts";
import { perSecond } from "./timing.ts";

/** The limits of a good answer. */
export type Standard = {
  /** Its first text came so soon after the request that was let in. */
  readonly ttftMs: number;
  /** Its own ITL p95 is under this. */
  readonly itlP95Ms: number;
};

/** The time in which offered load counts, by `performance.now()`. */
export type Span = { readonly fromMs: number; readonly toMs: number };

function isInTime({ end, ttftMs }: Outcome, withinMs: number): boolean {
  return end === "answered" && ttftMs !== undefined && ttftMs <= withinMs;
}

function isGood(outcome: Outcome, { ttftMs, itlP95Ms }: Standard): boolean {
  return isInTime(outcome, ttftMs) && outcome.itlP95Ms !== undefined && outcome.itlP95Ms < itlP95Ms;
}

/** Good answers a second, of those that ended within the span: what comes after it was made without the load. */
export function goodPerSecond(outcomes: readonly Outcome[], standard: Standard, { fromMs, toMs }: Span): number {
  const good = outcomes.filter((outcome) => outcome.endedMs <= toMs && isGood(outcome, standard));
  return perSecond(good.length, toMs - fromMs);
}

/** The outcomes of all clients, and the latencies of the admitted ones. */
export function loadFigures(outcomes: readonly Outcome[], unloadedTtftP95Ms: number): Measurement {
  const refusals = outcomes.flatMap((outcome) => outcome.refusals);
  const ended = (end: Outcome["end"]) => percent(outcomes, (outcome) => outcome.end === end);
  const ttftMs = (kind: Kind, share: number) =>
    quantile(
      outcomes.flatMap((outcome) => (outcome.kind === kind && outcome.ttftMs !== undefined ? [outcome.ttftMs] : [])),
      share,
    );
  const returned = outcomes.filter(({ cameBack }) => cameBack);
  return measured({
    greedyTtftP50Ms: ttftMs("greedy", 0.5),
    greedyTtftP95Ms: ttftMs("greedy", 0.95),
    politeTtftP50Ms: ttftMs("polite", 0.5),
    politeTtftP95Ms: ttftMs("polite", 0.95),
    politeTtftOverUnloaded: ttftMs("polite", 0.95) / unloadedTtftP95Ms,
    politeAnswered: percent(
      outcomes.filter(({ kind }) => kind === "polite"),
      ({ end }) => end === "answered",
    ),
    answered: ended("answered"),
    refused: ended("refused"),
    gaveUp: ended("gave up"),
    failed: ended("failed"),
    refusals503: refusals.filter(({ status }) => status === 503).length,
    refusals429: refusals.filter(({ status }) => status === 429).length,
    refusalP95Ms: quantile(
      refusals.map(({ tookMs }) => tookMs),
      0.95,
    ),
    returned: returned.length,
    returnedAnswered: percent(returned, ({ end }) => end === "answered"),
    latenessP99Ms: quantile(
      outcomes.map(({ lateMs }) => lateMs),
      0.99,
    ),
  });
}

/** The outcomes of the clients of a spike. An answer is in time if its first text arrives within `withinMs`. */
export function spikeFigures(outcomes: readonly Outcome[], withinMs: number): Measurement {
  const refusals = outcomes.flatMap((outcome) => outcome.refusals);
  return measured({
    spikeInTime: percent(outcomes, (outcome) => isInTime(outcome, withinMs)),
    spikeAnswered: percent(outcomes, ({ end }) => end === "answered"),
    spikeGaveUp: percent(outcomes, ({ end }) => end === "gave up"),
    spikeFailed: percent(outcomes, ({ end }) => end === "failed"),
    spikeReturnedAnswered: percent(
      outcomes.filter(({ cameBack }) => cameBack),
      ({ end }) => end === "answered",
    ),
    spikeRefusalP95Ms: quantile(
      refusals.map(({ tookMs }) => tookMs),
      0.95,
    ),
    spikeLatenessP99Ms: quantile(
      outcomes.map(({ lateMs }) => lateMs),
      0.99,
    ),
  });
}

function percent(outcomes: readonly Outcome[], holds: (outcome: Outcome) => boolean): number {
  return (100 * outcomes.filter(holds).length) / outcomes.length;
}

/** Omits figures without measurements. */
function measured(figures: Measurement): Measurement {
  return Object.fromEntries(Object.entries(figures).filter(([, value]) => Number.isFinite(value)));
}
