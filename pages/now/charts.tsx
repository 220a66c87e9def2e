import { useMemo } from "preact/hooks";
import type { LiveEvent, LivePoint } from "../../src/live/snapshot.ts";
import { Chart, type ChartSeries } from "../frame/chart.tsx";
import { formatMs, formatNumber, formatRate } from "../frame/format.ts";
import { timelineOf } from "./timeline.ts";

/** From the strongest line to the faintest. */
const THREE = [
  ["p50", "--accent"],
  ["p95", "--accent-mid"],
  ["p99", "--ink-3"],
] as const;

type ChartsProps = { readonly points: readonly LivePoint[]; readonly events: readonly LiveEvent[] };

/** The last quarter of an hour. */
export function Charts({ points, events }: ChartsProps) {
  const timeline = useMemo(() => timelineOf(points), [points]);
  const { times, tokens, running, waiting, firstToken, betweenTokens } = timeline;
  // What interrupts answers; loads are listed below.
  const marks = events
    .filter(({ state }) => state === "restarting" || state === "failed")
    .map(({ at }) => ({ at, kind: "bad" as const }));
  const common = { times, marks };
  return (
    <div class="now-charts">
      <Chart
        {...common}
        title="Tokens per second"
        series={[{ label: "generated", values: tokens, colour: "--accent", isFilled: true }]}
        format={formatRate}
        empty="Waiting for the first second."
      />
      <Chart
        {...common}
        title="Requests"
        series={[
          { label: "running", values: running, colour: "--accent", isFilled: true },
          { label: "waiting", values: waiting, colour: "--warn" },
        ]}
        format={formatNumber}
        isCount
        empty="Waiting for the first second."
      />
      <Chart
        {...common}
        title="Time to the first token"
        series={three(firstToken)}
        format={formatMs}
        empty="No answer has begun while this page was open."
      />
      <Chart
        {...common}
        title="Time between tokens"
        series={three(betweenTokens)}
        format={formatMs}
        empty="No answer was written while this page was open."
      />
    </div>
  );
}

function three(lines: readonly (readonly (number | null)[])[]): readonly ChartSeries[] {
  return THREE.map(([label, colour], index) => ({ label, colour, values: lines[index] ?? [] }));
}
