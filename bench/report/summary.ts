import { FIGURE_NAMES, FIGURES, type FigureName } from "../figures.ts";
import type { ContestantResult, WorkloadResult } from "../run.ts";
import { bootstrapMedian, type Estimate, pairedDifference, pairedRatio, type Spread, spread } from "../statistics.ts";
import { describeRule, keeps, TARGETS, type Target } from "../targets.ts";

export type Verdict = {
  /** The rival; undefined for a target of our own value. */
  readonly rival: string | undefined;
  /** Such as `≥ 1`. */
  readonly target: string;
  /** What the target is about: the ratio, the difference, or our own value. */
  readonly estimate: Estimate;
  readonly met: boolean;
  /** False if the interval contains the target, so that more rounds might change the result. */
  readonly certain: boolean;
};

type Comparison = {
  readonly rival: string;
  readonly theirs: Spread;
  /** Ours ÷ theirs. */
  readonly ratio: Estimate;
};

/** One figure of one workload. */
export type Row = {
  readonly workload: string;
  readonly figure: FigureName;
  readonly ours: Spread;
  readonly comparisons: readonly Comparison[];
  /** One for each target that something was measured for. */
  readonly verdicts: readonly Verdict[];
};

/** One row for each figure that was measured, in the figures' order. */
export function summarize({ name, contestants }: WorkloadResult): readonly Row[] {
  const [ours, ...rivals] = contestants;
  if (ours === undefined) return [];
  return FIGURE_NAMES.flatMap((figure) => {
    const values = valuesOf(ours, figure);
    if (values.length === 0) return [];
    const comparisons = rivals.flatMap((rival) => compare(values, rival, figure));
    const verdicts = TARGETS.filter((target) => target.workload === name && target.figure === figure).flatMap(
      (target) => judge(target, ours, rivals),
    );
    return [{ workload: name, figure, ours: spread(values), comparisons, verdicts }];
  });
}

/** A figure of every round, or the one of the contestant's whole life. */
function valuesOf({ rounds, closing }: ContestantResult, figure: FigureName): readonly number[] {
  const whole = closing[figure];
  return whole === undefined ? rounds.map((round) => round[figure]).filter((value) => value !== undefined) : [whole];
}

function compare(ours: readonly number[], rival: ContestantResult, figure: FigureName): readonly Comparison[] {
  const theirs = valuesOf(rival, figure);
  if (theirs.length === 0) return [];
  return [{ rival: rival.name, theirs: spread(theirs), ratio: pairedRatio(ours, theirs) }];
}

function judge(target: Target, ours: ContestantResult, rivals: readonly ContestantResult[]): readonly Verdict[] {
  const { figure, rule } = target;
  const estimate = estimateFor(target, ours, rivals);
  if (estimate === undefined) return [];
  const met = keeps(target, estimate.value);
  // What is known once for the whole life has no interval to doubt it.
  const bounds = ours.closing[figure] === undefined ? [estimate.low, estimate.high] : [];
  const certain = bounds.every((bound) => Number.isFinite(bound) && keeps(target, bound) === met);
  const rival = rule.of === "value" ? undefined : target.rival;
  return [{ rival, target: describeRule(target, FIGURES[figure].unit), estimate, met, certain }];
}

function estimateFor(
  { rule, rival, figure }: Target,
  ours: ContestantResult,
  rivals: readonly ContestantResult[],
): Estimate | undefined {
  const values = valuesOf(ours, figure);
  if (rule.of === "value") return bootstrapMedian(values);
  const other = rivals.find(({ name }) => name === rival);
  const theirs = other && valuesOf(other, figure);
  if (theirs === undefined || theirs.length === 0) return undefined;
  return rule.of === "ratio" ? pairedRatio(values, theirs) : pairedDifference(values, theirs);
}
