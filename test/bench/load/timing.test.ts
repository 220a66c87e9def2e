import { expect, test } from "vitest";
import type { Reply } from "../../../bench/load/client.ts";
import {
  cachedShare,
  decodeRate,
  gaps,
  itlFigures,
  outputRate,
  timeToFirstToken,
  ttftFigures,
  wallMs,
} from "../../../bench/load/timing.ts";

function reply(startedMs: number, arrivalsMs: readonly number[], completionTokens = arrivalsMs.length): Reply {
  const endedMs = (arrivalsMs.at(-1) ?? startedMs) + 1;
  return { startedMs, endedMs, arrivalsMs, text: "x", promptTokens: 100, completionTokens, cachedTokens: 25 };
}

test("the time to the first token runs from the request to the first text", () => {
  expect(timeToFirstToken(reply(100, [350, 360]))).toBe(250);
});

test("the decode rate leaves the prefill and the first token out", () => {
  expect(decodeRate(reply(0, [1000, 1010, 1020, 1030, 1040]))).toBe(100);
});

test("the decode rate counts tokens, not reads: two tokens may come in one", () => {
  expect(decodeRate(reply(0, [1000, 1020, 1040], 5))).toBe(100);
});

test("the output rate takes all streams together, from the first request to the last text", () => {
  expect(outputRate([reply(0, [500, 1000], 10), reply(200, [900, 2000], 30)])).toBe(20);
  expect(wallMs([reply(0, [500, 1000]), reply(200, [900, 2000])])).toBe(2000);
});

test("gaps are within a stream, never between two", () => {
  const streams = [reply(0, [10, 20, 40]), reply(0, [1000, 1005])];
  expect(streams.flatMap(gaps)).toEqual([10, 20, 5]);
  expect(itlFigures(streams)).toMatchObject({ itlP50Ms: 10, itlWorstMs: 20 });
});

test("TTFT percentiles are over the requests", () => {
  expect(ttftFigures([reply(0, [10]), reply(0, [20]), reply(0, [30])])).toMatchObject({ ttftP50Ms: 20, ttftP95Ms: 29 });
});

test("the cached share is of all prompt tokens", () => {
  expect(cachedShare([reply(0, [1]), reply(0, [1])])).toBe(25);
});
