import { expect, test } from "vitest";
import { plotIntrusion } from "../../../bench/report/itl-plot.ts";
import { plotRatios } from "../../../bench/report/ratio-plot.ts";
import { summarize } from "../../../bench/report/summary.ts";
import { escapeXml, linearScale, logScale } from "../../../bench/report/svg.ts";
import { makeResult } from "./fixtures.ts";

/** The numbers of an attribute, over all elements of this name. */
function attribute(svg: string, element: string, name: string): readonly number[] {
  const elements = svg.match(new RegExp(`<${element} [^>]*>`, "g")) ?? [];
  return elements.map((found) => Number(new RegExp(` ${name}="([^"]*)"`).exec(found)?.[1]));
}

const ratesOf = (rate: number) => [rate, rate, rate].map((decodeTokensPerSecond) => ({ decodeTokensPerSecond }));

test("a ratio's bar reaches from 1 to the ratio: to the right above it, to the left below", () => {
  const better = plotRatios(summarize(makeResult("single", ratesOf(150), ratesOf(100))));
  const worse = plotRatios(summarize(makeResult("single", ratesOf(50), ratesOf(100))));
  const [start = 0] = attribute(better, "rect", "x");
  const [end = 0] = attribute(worse, "rect", "x");
  const [width = 0] = attribute(worse, "rect", "width");
  const one = attribute(better, "line", "stroke-width").indexOf(1.5);
  expect(start).toBeCloseTo(attribute(better, "line", "x1")[one] ?? 0, 0);
  expect(end + width).toBeCloseTo(
    attribute(worse, "line", "x1")[attribute(worse, "line", "stroke-width").indexOf(1.5)] ?? 0,
    0,
  );
});

test("only figures whose target is a ratio have a bar", () => {
  const rows = summarize(
    makeResult("single", [{ decodeTokensPerSecond: 1, itlP50Ms: 1 }], [{ decodeTokensPerSecond: 1, itlP50Ms: 1 }]),
  );
  expect(attribute(plotRatios(rows), "rect", "x")).toHaveLength(1);
});

test("each text of a stream is a dot, and longer waits lie higher", () => {
  const point = (atMs: number, gapMs: number) => ({ atMs, gapMs });
  const trace = { eventMs: 500, streams: [[point(-100, 10), point(200, 1000)], [point(900, 10)]] };
  const plot = plotIntrusion([{ name: "sluice", rounds: [], closing: {}, trace }]);
  const [first = 0, second = 0, third = 0] = attribute(plot, "circle", "cy");
  expect(attribute(plot, "circle", "cy")).toHaveLength(3);
  expect(second).toBeLessThan(first);
  expect(third).toBe(first);
});

test("contestants without a trace have no panel", () => {
  const trace = {
    eventMs: 5,
    streams: [
      [
        { atMs: 0, gapMs: 10 },
        { atMs: 10, gapMs: 10 },
      ],
    ],
  };
  const plot = plotIntrusion([
    { name: "sluice", rounds: [], closing: {}, trace },
    { name: "llama-server", rounds: [], closing: {} },
  ]);
  expect(plot).toContain("sluice");
  expect(plot).not.toContain("llama-server");
});

test("scales map their ends to their ends, and a logarithmic one keeps ratios apart evenly", () => {
  expect([0, 5, 10].map(linearScale(0, 10, 100, 200))).toEqual([100, 150, 200]);
  expect([1, 10, 100].map(logScale(1, 100, 0, 50))).toEqual([0, 25, 50]);
  expect(logScale(1, 100, 0, 50)(1000)).toBe(50);
});

test("text can't break out of its element", () => {
  expect(escapeXml(`a < b & "c"`)).toBe("a &lt; b &amp; &quot;c&quot;");
});
