import { PRIORITIES, type Priority } from "../generation/terms.ts";
import { fitPace } from "./fit.ts";
import type { LoggedRequest, Pace, Setting, Spill } from "./log.ts";
import { quantile } from "./numbers.ts";
import { type Outcome, simulate } from "./simulate.ts";

/** What is asked: how it would have been with another setting. */
export type Question = {
  readonly log: readonly LoggedRequest[];
  readonly today: Setting;
  readonly changed: Setting;
};

/** Times to the first token, in ms; undefined if no request was answered. */
type Percentiles = { readonly p50Ms: number | undefined; readonly p95Ms: number | undefined };

export type Result = Percentiles & {
  readonly classes: readonly (Percentiles & { readonly class: Priority; readonly requests: number })[];
  readonly answered: number;
  readonly spilled: number;
  readonly refused: number;
  /** In US dollars; undefined if it isn't known. */
  readonly cost: number | undefined;
};

export type Answer = {
  readonly pace: Pace;
  readonly measured: Result;
  /** The same requests with today's setting, simulated. */
  readonly today: Result;
  /** How far that is from what was measured, as a share. */
  readonly errors: { readonly p50: number | undefined; readonly p95: number | undefined };
  readonly changed: Result;
};

/** Simulates the requests of a log with today's setting, to see whether that can be believed, and with another one. */
export function answerWhatIf({ log, today, changed }: Question): Answer {
  const { pace, efforts } = fitPace(log, today);
  const measured = resultOf(
    log,
    log.map((request) => ({ type: "answered", ...request })),
    undefined,
  );
  const simulated = resultOf(log, simulate(log, today, pace, efforts), today.spill);
  return {
    pace,
    measured,
    today: simulated,
    errors: {
      p50: errorOf(simulated.p50Ms, measured.p50Ms),
      p95: errorOf(simulated.p95Ms, measured.p95Ms),
    },
    changed: resultOf(log, simulate(log, changed, pace, efforts), changed.spill),
  };
}

function errorOf(simulated: number | undefined, measured: number | undefined): number | undefined {
  return simulated === undefined || measured === undefined || measured === 0
    ? undefined
    : (simulated - measured) / measured;
}

function resultOf(log: readonly LoggedRequest[], outcomes: readonly Outcome[], spill: Spill | undefined): Result {
  const count = (type: Outcome["type"]) => outcomes.filter((outcome) => outcome.type === type).length;
  return {
    ...percentilesOf(outcomes),
    classes: PRIORITIES.flatMap((name) => {
      const ofClass = outcomes.filter((outcome) => outcome.class === name);
      return ofClass.length === 0 ? [] : [{ class: name, requests: ofClass.length, ...percentilesOf(ofClass) }];
    }),
    ...{ answered: count("answered"), spilled: count("spilled"), refused: count("refused") },
    cost: costOf(log, outcomes, spill),
  };
}

function percentilesOf(outcomes: readonly Outcome[]): Percentiles {
  const times = outcomes.flatMap((outcome) => (outcome.type === "refused" ? [] : [outcome.firstTokenMs]));
  if (times.length === 0) return { p50Ms: undefined, p95Ms: undefined };
  return { p50Ms: quantile(times, 0.5), p95Ms: quantile(times, 0.95) };
}

function costOf(log: readonly LoggedRequest[], outcomes: readonly Outcome[], spill: Spill | undefined) {
  let sum: number | undefined;
  for (const [at, outcome] of outcomes.entries()) {
    const request = log[at];
    if (request === undefined || outcome.type === "refused") continue;
    const cost = outcome.type === "spilled" && spill !== undefined ? priceOf(request, spill) : request.cost;
    if (cost !== undefined) sum = (sum ?? 0) + cost;
  }
  return sum;
}

function priceOf({ promptTokens, completionTokens }: LoggedRequest, { promptPrice, completionPrice }: Spill): number {
  return (promptTokens * promptPrice + completionTokens * completionPrice) / 1e6;
}
