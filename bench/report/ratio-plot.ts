import { FIGURES } from "../figures.ts";
import type { Estimate } from "../statistics.ts";
import { TARGETS } from "../targets.ts";
import { formatEstimate } from "./format.ts";
import type { Row } from "./summary.ts";
import { COLOURS, line, logScale, rect, svg, text } from "./svg.ts";

const WIDTH = 860;
const ROW_HEIGHT = 26;
const TOP = 46;
const LEFT = 300;
const RIGHT = 640;
const TICKS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50];

type Bar = { readonly label: string; readonly ratio: Estimate; readonly limit?: number; readonly met?: boolean };

/**
 * A bar for each figure that has a target which is a ratio, from 1 to the ratio on a logarithmic scale, with its interval and a mark
 * where the target is.
 */
export function plotRatios(rows: readonly Row[]): string {
  const bars = rows.flatMap(barsOf);
  const values = bars
    .flatMap(({ ratio, limit }) => [ratio.value, ratio.low, ratio.high, limit ?? 1, 0.5, 2])
    .filter(Number.isFinite);
  const [from, to] = [Math.min(...values) / 1.15, Math.max(...values) * 1.15];
  const scale = logScale(from, to, LEFT, RIGHT);
  const bottom = TOP + bars.length * ROW_HEIGHT;
  return svg(WIDTH, bottom + 30, "Ratios of Sluice to llama-server", [
    text(16, 22, "sluice ÷ llama-server", { "font-size": 15, "font-weight": "bold" }),
    text(WIDTH - 16, 22, "bar: ratio, whisker: 95 % interval, triangle: target, arrow: the better way", {
      "text-anchor": "end",
    }),
    ...TICKS.filter((tick) => tick > from && tick < to).flatMap((tick) => [
      line(scale(tick), TOP - 6, scale(tick), bottom, {
        stroke: COLOURS.faint,
        "stroke-width": tick === 1 ? 1.5 : 0.3,
      }),
      text(scale(tick), bottom + 18, String(tick), { "text-anchor": "middle" }),
    ]),
    ...bars.flatMap((bar, index) => drawBar(bar, TOP + index * ROW_HEIGHT, scale)),
  ]);
}

function barsOf({ workload, figure, comparisons, verdicts }: Row): readonly Bar[] {
  return TARGETS.filter((target) => target.workload === workload && target.figure === figure).flatMap(
    ({ rival, rule }) => {
      const comparison = comparisons.find((candidate) => candidate.rival === rival);
      if (comparison === undefined || rule.of !== "ratio") return [];
      const better = FIGURES[figure].better === "higher" ? "→" : "←";
      const whom = rival === "llama-server" ? "" : ` (÷ ${rival})`;
      const verdict = verdicts.find((each) => each.rival === rival);
      return [
        {
          label: `${workload}: ${FIGURES[figure].label}${whom} ${better}`,
          ratio: comparison.ratio,
          limit: "atLeast" in rule ? rule.atLeast : rule.atMost,
          ...(verdict && { met: verdict.met }),
        },
      ];
    },
  );
}

function drawBar({ label, ratio, limit, met }: Bar, top: number, scale: (value: number) => number): readonly string[] {
  const middle = top + ROW_HEIGHT / 2;
  const [start, end] = [scale(1), scale(ratio.value)].toSorted((a, b) => a - b) as [number, number];
  const fill = met === undefined ? COLOURS.plain : met ? COLOURS.good : COLOURS.bad;
  return [
    text(LEFT - 10, middle + 4, label, { "text-anchor": "end" }),
    rect(start, top + 6, Math.max(1, end - start), ROW_HEIGHT - 12, { fill, "fill-opacity": 0.75 }),
    ...(Number.isFinite(ratio.low)
      ? [line(scale(ratio.low), middle, scale(ratio.high), middle, { stroke: COLOURS.text, "stroke-width": 2 })]
      : []),
    ...(limit === undefined ? [] : [text(scale(limit), top + 7, "▼", { "text-anchor": "middle", "font-size": 9 })]),
    text(RIGHT + 14, middle + 4, formatEstimate(ratio)),
  ];
}
