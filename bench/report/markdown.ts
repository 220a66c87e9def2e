import { basename } from "node:path";
import { FIGURES } from "../figures.ts";
import type { WorkloadResult } from "../run.ts";
import { formatEstimate, formatSpread } from "./format.ts";
import { type Row, summarize } from "./summary.ts";
import { describeEffort, describeVerdict, labelOf } from "./table.ts";
import type { Report } from "./write.ts";

/** The whole report as Markdown, to be pasted into a document. Plots are named by `plots`, as paths from where it will lie. */
export function formatMarkdown(
  report: Report,
  plots: readonly { readonly title: string; readonly file: string }[],
): string {
  const { results } = report;
  return `${[
    describeRun(report),
    "### Targets",
    formatTargets(results.flatMap(summarize)),
    LEGEND,
    ...plots.map(({ title, file }) => `![${title}](${file})`),
    ...results.map(formatWorkload),
  ].join("\n\n")}\n`;
}

const LEGEND =
  "Medians over the rounds, quartiles in parentheses. A ratio is ours ÷ the rival's, taken round by round, since the two of a round ran " +
  "one right after the other; shown is the median of these and its 95 % bootstrap interval. A question mark: the interval reaches over to " +
  "the target's other side.";

function describeRun({ machine, args, modelPath, startedAt, results }: Report): string {
  const { processor, physicalCores, logicalCores, memoryGb, system, node } = machine;
  const mode = args.quick ? "quick run: smaller work, fewer rounds" : "full run";
  return [
    `- ${startedAt.slice(0, 10)}, ${mode}`,
    `- ${processor}, ${physicalCores} cores (${logicalCores} logical), ${memoryGb} GB; ${system}; Node ${node}`,
    `- ${basename(modelPath)}, ${args.threads} threads, GPU: ${args.gpu}`,
    ...results.flatMap(({ name, error }) =>
      error === undefined ? [] : [`- **${name} ended early**: ${error.split("\n")[0]}`],
    ),
  ].join("\n");
}

function formatTargets(rows: readonly Row[]): string {
  const judged = rows.flatMap((row) => row.verdicts.map((verdict) => ({ ...row, verdict })));
  return formatTable(
    ["workload", "figure", "measured [95 %]", "target", ""],
    judged.map(({ workload, figure, verdict }) => [
      workload,
      labelOf(figure, verdict),
      formatEstimate(verdict.estimate),
      verdict.target,
      describeVerdict(verdict),
    ]),
  );
}

function formatWorkload(result: WorkloadResult): string {
  const rows = summarize(result);
  const rivals = result.contestants.slice(1).map(({ name }) => name);
  const head = ["figure", "sluice", ...rivals.flatMap((rival) => [rival, "ratio [95 %]"])];
  const body = rows.map(({ figure, ours, comparisons }) => [
    `${FIGURES[figure].label}, ${FIGURES[figure].unit}`,
    formatSpread(ours),
    ...rivals.flatMap((name) => {
      const comparison = comparisons.find(({ rival }) => rival === name);
      return comparison ? [formatSpread(comparison.theirs), formatEstimate(comparison.ratio)] : ["", ""];
    }),
  ]);
  const details = result.contestants.flatMap(({ details }) =>
    details ? [`\n\n${formatTable(details.head, details.rows)}`] : [],
  );
  const notes = [describeEffort(result), ...result.notes].join(". ");
  return `### ${result.name}\n\n${result.title}\n\n${formatTable(head, body)}${details.join("")}\n\n${notes}`;
}

function formatTable(head: readonly string[], body: readonly (readonly string[])[]): string {
  const rule = head.map((_, column) => (column === 0 ? "---" : "--:"));
  return [head, rule, ...body].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}
