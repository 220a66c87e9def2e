import type { ContestantResult } from "../run.ts";
import type { Trace } from "../workloads/workload.ts";
import { COLOURS, circle, line, linearScale, logScale, rect, svg, text } from "./svg.ts";

const WIDTH = 860;
const LEFT = 70;
const RIGHT = 840;
const PANEL_HEIGHT = 150;
const PANEL_GAP = 34;
const TOP = 40;
const SECOND_MS = 1000;
const GAP_TICKS_MS = [1, 10, 100, 1_000, 10_000, 100_000];

/** Each text of the four streams as a dot: when it came, and after how long a wait. One panel for each contestant, on the same scales. */
export function plotIntrusion(contestants: readonly ContestantResult[]): string {
  const traced = contestants.flatMap(({ name, trace }) => (trace ? [{ name, trace }] : []));
  const points = traced.flatMap(({ trace }) => trace.streams.flat());
  const [fromMs, toMs] = [Math.min(...points.map(({ atMs }) => atMs)), Math.max(...points.map(({ atMs }) => atMs))];
  const gapsMs = points.map(({ gapMs }) => Math.max(1, gapMs));
  const x = linearScale(fromMs, toMs, LEFT, RIGHT);
  const [leastMs, mostMs] = [Math.min(...gapsMs) / 1.3, Math.max(...gapsMs) * 1.3];
  const height = TOP + traced.length * (PANEL_HEIGHT + PANEL_GAP) + 6;
  return svg(WIDTH, height, "ITL of four streams while a long prompt is read", [
    text(16, 22, "ITL of four streams while a long prompt is read (shaded)", {
      "font-size": 15,
      "font-weight": "bold",
    }),
    text(RIGHT, 22, "a dot: one text, at its time since the prompt came and the wait before it", {
      "text-anchor": "end",
    }),
    ...traced.flatMap(({ name, trace }, index) => {
      const top = TOP + index * (PANEL_HEIGHT + PANEL_GAP);
      const y = logScale(leastMs, mostMs, top + PANEL_HEIGHT, top);
      return [
        ...drawFrame(name, trace, top, x, y, { leastMs, mostMs }),
        ...drawSeconds(fromMs, toMs, top + PANEL_HEIGHT, x),
        ...drawPoints(trace, x, y, index === 0 ? COLOURS.plain : COLOURS.other),
      ];
    }),
  ]);
}

type Scale = (value: number) => number;

function drawFrame(
  name: string,
  { eventMs }: Trace,
  top: number,
  x: Scale,
  y: Scale,
  bounds: { leastMs: number; mostMs: number },
) {
  const ticks = GAP_TICKS_MS.filter((tick) => tick > bounds.leastMs && tick < bounds.mostMs);
  const shadeTo = Math.min(RIGHT, x(eventMs));
  return [
    rect(x(0), top, Math.max(0, shadeTo - x(0)), PANEL_HEIGHT, { fill: COLOURS.faint, "fill-opacity": 0.15 }),
    ...ticks.flatMap((tick) => [
      line(LEFT, y(tick), RIGHT, y(tick), { stroke: COLOURS.faint, "stroke-width": 0.4 }),
      text(LEFT - 8, y(tick) + 4, tick >= SECOND_MS ? `${tick / SECOND_MS} s` : `${tick} ms`, { "text-anchor": "end" }),
    ]),
    text(LEFT + 6, top + 14, name, { "font-weight": "bold" }),
  ];
}

function drawSeconds(fromMs: number, toMs: number, bottom: number, x: Scale): readonly string[] {
  const stepMs =
    [1, 2, 5, 10, 20, 50].map((seconds) => seconds * SECOND_MS).find((step) => (toMs - fromMs) / step <= 12) ?? 100_000;
  const first = Math.ceil(fromMs / stepMs) * stepMs;
  const ticks = Array.from(
    { length: Math.max(0, Math.floor((toMs - first) / stepMs) + 1) },
    (_, index) => first + index * stepMs,
  );
  return ticks.map((tick) =>
    text(x(tick), bottom + 14, `${tick / SECOND_MS} s`, { "text-anchor": "middle", "font-size": 10 }),
  );
}

function drawPoints({ streams }: Trace, x: Scale, y: Scale, fill: string): readonly string[] {
  return streams
    .flat()
    .map(({ atMs, gapMs }) => circle(x(atMs), y(Math.max(1, gapMs)), 1.8, { fill, "fill-opacity": 0.6 }));
}
