import { FIGURES, type FigureName } from "../figures.ts";
import type { WorkloadResult } from "../run.ts";
import { median } from "../statistics.ts";
import { formatColumns, formatEstimate, formatSpread } from "./format.ts";
import { type Row, summarize, type Verdict } from "./summary.ts";

const HEAD = ["figure", "sluice", "rival", "ratio [95 %]", "target", ""];
const ALONE = "nobody";
const MAIN_RIVAL = "llama-server";

/** What a workload measured, for the terminal. */
export function formatWorkload(result: WorkloadResult): string {
  const { name, title, error } = result;
  const lines = [`${name}: ${title}`, `  ${describeEffort(result)}`];
  for (const rows of byRival(summarize(result))) {
    lines.push(
      indent(formatColumns([[rows.rival === ALONE ? "" : `vs ${rows.rival}`, ...HEAD.slice(1)], ...rows.cells], 1)),
    );
  }
  for (const { details } of result.contestants) {
    if (details) lines.push(indent(formatColumns([details.head, ...details.rows], 1)));
  }
  if (error !== undefined) lines.push(`  ! ended early: ${error}`);
  return `${lines.join("\n")}\n`;
}

/** `5 rounds, 62 s; others used 3 % of the machine, 12 % at most` */
export function describeEffort({ contestants, seconds, othersShares }: WorkloadResult): string {
  const rounds = contestants[0]?.rounds.length ?? 0;
  const effort = `${rounds} ${rounds === 1 ? "round" : "rounds"}, ${seconds.toFixed(0)} s`;
  if (othersShares.length === 0) return effort;
  const percent = (share: number) => `${Math.round(100 * share)} %`;
  return `${effort}; others used ${percent(median(othersShares))} of the machine, ${percent(Math.max(...othersShares))} at most`;
}

/** One table for each rival; ours alone where there is none. */
function byRival(rows: readonly Row[]): readonly { rival: string; cells: readonly (readonly string[])[] }[] {
  const rivals = [...new Set(rows.flatMap(({ comparisons }) => comparisons.map(({ rival }) => rival)))];
  if (rows.length === 0) return [];
  const names = rivals.length === 0 ? [ALONE] : rivals;
  return names.map((rival, index) => ({ rival, cells: rows.map((row) => cellsOf(row, rival, index === 0)) }));
}

/** @param isFirst where what is judged by itself is told */
function cellsOf({ figure, ours, comparisons, verdicts }: Row, rival: string, isFirst: boolean): readonly string[] {
  const { label, unit } = FIGURES[figure];
  const verdict = verdicts.find((each) => (each.rival === undefined ? isFirst : each.rival === rival));
  const comparison = comparisons.find((candidate) => candidate.rival === rival);
  return [
    `${label}, ${unit}`,
    formatSpread(ours),
    comparison ? formatSpread(comparison.theirs) : "",
    comparison ? formatEstimate(comparison.ratio) : "",
    ...(verdict ? [verdict.target, describeVerdict(verdict)] : []),
  ];
}

/** All targets with measurements, for the terminal; empty if there are none. */
export function formatTargets(results: readonly WorkloadResult[]): string {
  const rows = results
    .flatMap(summarize)
    .flatMap(({ workload, figure, verdicts }) =>
      verdicts.map((verdict) => [
        `${workload}: ${labelOf(figure, verdict)}`,
        formatEstimate(verdict.estimate),
        verdict.target,
        describeVerdict(verdict),
      ]),
    );
  return rows.length === 0 ? "" : `Targets\n${indent(formatColumns(rows, 1))}\n`;
}

/** The figure, and whom it is compared with where that isn't llama-server. */
export function labelOf(figure: FigureName, { rival = MAIN_RIVAL }: Verdict): string {
  return rival === MAIN_RIVAL ? FIGURES[figure].label : `${FIGURES[figure].label} (÷ ${rival})`;
}

/** `met` or `not met`, with `?` if more rounds might change the result. */
export function describeVerdict({ met, certain }: Verdict): string {
  return `${met ? "met" : "NOT MET"}${certain ? "" : " ?"}`;
}

function indent(text: string): string {
  return text.replaceAll(/^(?=.)/gm, "  ");
}
