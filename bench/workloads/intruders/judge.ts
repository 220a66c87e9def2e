import type { Measurement } from "../../figures.ts";
import { formatNumber } from "../../report/format.ts";
import { quantile } from "../../statistics.ts";
import { keeps, TARGETS } from "../../targets.ts";
import type { DetailTable } from "../workload.ts";
import type { DeedOutcome } from "./deed.ts";

/** What was seen beside one intruder. Times are in ms; one that is infinite never came. */
export type Observation = DeedOutcome & {
  readonly name: string;
  /** Another client's calls of `/health`. */
  readonly healthMs: readonly number[];
  /** The same just before, without the intruder: what the machine itself does to them. */
  readonly undisturbedHealthMs: readonly number[];
  /** The longest gap of another client's stream, with the intruder and, just before, without. */
  readonly worstGapMs: number;
  readonly undisturbedGapMs: number;
  /** How long a short chat took when the intruder had gone. */
  readonly afterwardsMs: number;
};

const HEAD = [
  "intruder",
  "its answers",
  "undisturbed /health p99.9, ms",
  "/health p50",
  "p99",
  "p99.9",
  "",
  "undisturbed gap, ms",
  "worst gap",
  "×",
  "",
  "refusals p95, ms",
  "",
  "chat afterwards, ms",
];

/** The figures that targets are about: of each the worst that any intruder brought. */
export function figuresOf(observations: readonly Observation[]): Measurement {
  const worst = (values: readonly number[]) => Math.max(...values);
  const refusals = observations.map(refusalP95Ms).filter((value) => value !== undefined);
  return {
    healthP999Ms: worst(observations.map(healthP999Ms)),
    gapOverUndisturbed: worst(observations.map(gapOverUndisturbed)),
    ...(refusals.length > 0 && { refusalP95Ms: worst(refusals) }),
  };
}

/** A row for each intruder, with its verdicts. */
export function tabulate(observations: readonly Observation[]): DetailTable {
  const rows = observations.map((observation) => {
    const { name, answers, healthMs, undisturbedHealthMs, undisturbedGapMs, worstGapMs, afterwardsMs } = observation;
    const refusal = refusalP95Ms(observation);
    return [
      name,
      describeAnswers(answers),
      show(quantile(undisturbedHealthMs, 0.999)),
      show(quantile(healthMs, 0.5)),
      show(quantile(healthMs, 0.99)),
      show(healthP999Ms(observation)),
      verdict("healthP999Ms", healthP999Ms(observation)),
      show(undisturbedGapMs),
      show(worstGapMs),
      show(gapOverUndisturbed(observation)),
      verdict("gapOverUndisturbed", gapOverUndisturbed(observation)),
      refusal === undefined ? "" : show(refusal),
      refusal === undefined ? "" : verdict("refusalP95Ms", refusal),
      show(afterwardsMs),
    ];
  });
  return { head: HEAD, rows };
}

function healthP999Ms({ healthMs }: Observation): number {
  return quantile(healthMs, 0.999);
}

function gapOverUndisturbed({ worstGapMs, undisturbedGapMs }: Observation): number {
  return worstGapMs / undisturbedGapMs;
}

function refusalP95Ms({ refusalsMs }: Observation): number | undefined {
  return refusalsMs.length === 0 ? undefined : quantile(refusalsMs, 0.95);
}

/** Such as `200 × 3, none × 1`. */
function describeAnswers(answers: DeedOutcome["answers"]): string {
  return Object.entries(answers)
    .map(([status, count]) => `${status} × ${count}`)
    .join(", ");
}

function verdict(figure: "healthP999Ms" | "gapOverUndisturbed" | "refusalP95Ms", value: number): string {
  const targets = TARGETS.filter((target) => target.workload === "intruders" && target.figure === figure);
  return targets.every((target) => keeps(target, value)) ? "met" : "missed";
}

function show(ms: number): string {
  return ms === Number.POSITIVE_INFINITY ? "never" : formatNumber(ms);
}
