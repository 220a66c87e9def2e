import "uplot/dist/uPlot.min.css";
import "./chart.css";
import { useEffect, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import { formatTime, NOTHING } from "./format.ts";
import { colourOf, paint } from "./theme.ts";

export type ChartSeries = {
  readonly label: string;
  /** One for each time; null for a gap. */
  readonly values: readonly (number | null)[];
  /** A token of colour, such as `--accent`. */
  readonly colour: string;
  /** Whether the area below is tinted. */
  readonly isFilled?: boolean;
};

/** A moment on the time line. */
type ChartMark = { readonly at: number; readonly kind: "bad" | "plain" };

type ChartProps = {
  readonly title: string;
  /** In Unix ms, oldest first. */
  readonly times: readonly number[];
  readonly series: readonly ChartSeries[];
  readonly format: (value: number | undefined) => string;
  /** Whether there is nothing between two whole numbers. */
  readonly isCount?: boolean;
  readonly marks?: readonly ChartMark[];
  /** What stands in the place of an empty chart. */
  readonly empty: string;
};

const HEIGHT = 148;
/** Between two ticks of counts. */
const WHOLE_STEPS = [1, 2, 5]
  .flatMap((step) => [0, 1, 2, 3, 4, 5].map((zeros) => step * 10 ** zeros))
  .toSorted((a, b) => a - b);
/** So much of the time line is shown at least, and at most, in seconds. */
const LEAST_SPAN = 120;
const MOST_SPAN = 900;

/** A chart of values over time, with its own legend: what each line is at the pointer, or now. */
export function Chart({ title, times, series, format, isCount = false, marks = [], empty }: ChartProps) {
  const [at, setAt] = useState<number>();
  const hasValues = series.some(({ values }) => values.some((value) => value !== null));
  const index = at !== undefined && at < times.length ? at : times.length - 1;
  const time = times[index];
  return (
    <figure class="chart">
      <figcaption class="chart-head">
        <h2>{title}</h2>
        <ul class="chart-legend">
          {at !== undefined && time !== undefined && <li class="quiet">{formatTime(time)}</li>}
          {series.map(({ label, values, colour }) => (
            <li key={label}>
              <span class="chart-line" style={{ background: `var(${colour})` }} aria-hidden="true" />
              {label} <b>{hasValues ? format(values[index] ?? undefined) : NOTHING}</b>
            </li>
          ))}
        </ul>
      </figcaption>
      {hasValues ? (
        <Plot {...{ title, times, series, format, isCount, marks }} onPoint={setAt} />
      ) : (
        <p class="chart-empty">{empty}</p>
      )}
    </figure>
  );
}

type PlotProps = Required<Pick<ChartProps, "title" | "times" | "series" | "format" | "isCount" | "marks">> & {
  readonly onPoint: (index: number | undefined) => void;
};

function Plot({ title, times, series, format, isCount, marks, onPoint }: PlotProps) {
  const room = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);
  const latest = useRef({ marks, format });
  latest.current = { marks, format };
  // What it is made of; its values are set below.
  const made = JSON.stringify([paint.value, series.map(({ label, colour, isFilled }) => [label, colour, isFilled])]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: it is made anew only where it would look different
  useEffect(() => {
    const { current } = room;
    if (current === null) return;
    const drawn = new uPlot(
      optionsFor(series, {
        width: current.clientWidth,
        isCount,
        format: (value) => latest.current.format(value),
        marks: () => latest.current.marks,
        onPoint,
      }),
      dataOf(times, series),
      current,
    );
    plot.current = drawn;
    const observer = new ResizeObserver(() => drawn.setSize({ width: current.clientWidth, height: HEIGHT }));
    observer.observe(current);
    return () => {
      observer.disconnect();
      drawn.destroy();
      plot.current = undefined;
    };
  }, [made]);
  useEffect(() => plot.current?.setData(dataOf(times, series)), [times, series]);

  return <div ref={room} class="chart-room" role="img" aria-label={`${title}: a chart of the last minutes`} />;
}

/** Where seconds are missing, lines break. */
function dataOf(times: readonly number[], series: readonly ChartSeries[]): uPlot.AlignedData {
  return [times.map((each) => each / 1_000), ...series.map(({ values }) => [...values])];
}

type Look = {
  readonly isCount: boolean;
  readonly width: number;
  readonly format: (value: number) => string;
  readonly marks: () => readonly ChartMark[];
  readonly onPoint: (index: number | undefined) => void;
};

function optionsFor(series: readonly ChartSeries[], { width, isCount, format, marks, onPoint }: Look): uPlot.Options {
  const [text, line, bad, plain] = ["--ink-3", "--line", "--bad", "--line-strong"].map(colourOf);
  const font = `11px ${getComputedStyle(document.body).fontFamily}`;
  const axis = { stroke: text ?? "", font, ticks: { show: false }, border: { show: false } };
  return {
    width,
    height: HEIGHT,
    // A label of the time stands below its tick's middle: the last one needs room on the right.
    padding: [8, 26, 0, 0],
    legend: { show: false },
    cursor: { y: false, points: { size: 6 }, drag: { setScale: false, x: false, y: false } },
    scales: {
      x: { range: (_, first, last) => [Math.max(last - MOST_SPAN, Math.min(first, last - LEAST_SPAN)), last] },
      y: { range: (_, __, most) => [0, Math.max(most ?? 0, Number.MIN_VALUE) * 1.08 || 1] },
    },
    axes: [
      { ...axis, size: 22, space: 90, grid: { show: false }, values: (_, splits) => splits.map(clockTime) },
      {
        ...axis,
        size: (_, values) => 8 + 6.5 * Math.max(...(values ?? []).map(({ length }) => length), 3),
        space: 34,
        ...(isCount && { incrs: WHOLE_STEPS }),
        grid: { stroke: line ?? "", width: 1 },
        values: (_, splits) => splits.map((split) => shorten(format(split))),
      },
    ],
    series: [
      {},
      ...series.map(({ label, colour, isFilled }): uPlot.Series => {
        const stroke = colourOf(colour);
        return {
          ...{ label, stroke, width: 1.5, points: { show: true, size: 5, fill: stroke, filter: alone } },
          ...(isFilled === true && { fill: stroke.replace(/^rgb\((.*)\)$/, "rgba($1, 0.12)") }),
        };
      }),
    ],
    hooks: {
      drawAxes: [(drawn) => drawMarks(drawn, marks(), { bad: bad ?? "", plain: plain ?? "" })],
      setCursor: [({ cursor }) => onPoint(cursor.idx ?? undefined)],
    },
  };
}

function drawMarks(
  { ctx, bbox, valToPos, scales }: uPlot,
  marks: readonly ChartMark[],
  colours: Readonly<Record<ChartMark["kind"], string>>,
): void {
  const { min = 0, max = 0 } = scales.x ?? {};
  ctx.save();
  ctx.lineWidth = devicePixelRatio;
  ctx.setLineDash([3 * devicePixelRatio, 3 * devicePixelRatio]);
  for (const { at, kind } of marks) {
    if (at / 1_000 < (min ?? 0) || at / 1_000 > (max ?? 0)) continue;
    const x = Math.round(valToPos(at / 1_000, "x", true)) + 0.5;
    ctx.strokeStyle = colours[kind];
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
  }
  ctx.restore();
}

/** The values without a neighbour: no line goes through them, so each is drawn as a point. */
function alone({ data }: uPlot, index: number): number[] {
  const values = data[index] ?? [];
  const has = (at: number) => typeof values[at] === "number";
  return [...values.keys()].filter((at) => has(at) && !has(at - 1) && !has(at + 1));
}

function clockTime(seconds: number): string {
  const text = formatTime(seconds * 1_000);
  return seconds % 60 === 0 ? text.slice(0, 5) : text;
}

/** `20 s` for `20.0 s`, and `0` without a unit. */
function shorten(text: string): string {
  return text.replace(/\.0+(?=\D|$)/, "").replace(/^0 .*$/, "0");
}
