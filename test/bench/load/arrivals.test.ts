import { expect, test } from "vitest";
import { planLoad, planSpike, poissonMs } from "../../../bench/load/arrivals.ts";
import { seededRandom } from "../../../bench/statistics.ts";

const LOAD = { greedyPerSecond: 30, politePerSecond: 1, durationMs: 60_000 };

test("the same seed plans the same clients", () => {
  expect(planLoad(seededRandom(7), LOAD)).toEqual(planLoad(seededRandom(7), LOAD));
  expect(planLoad(seededRandom(7), LOAD)).not.toEqual(planLoad(seededRandom(8), LOAD));
});

test("clients come in order, within the time, as often as was asked for", () => {
  const plan = planLoad(seededRandom(1), LOAD);
  const moments = plan.map(({ atMs }) => atMs);
  expect(moments).toEqual(moments.toSorted((a, b) => a - b));
  expect(moments.at(-1)).toBeLessThan(60_000);
  const count = (wanted: string) => plan.filter(({ kind }) => kind === wanted).length;
  // Four standard deviations to either side.
  expect(Math.abs(count("greedy") - 1_800)).toBeLessThan(4 * Math.sqrt(1_800));
  expect(Math.abs(count("polite") - 60)).toBeLessThan(4 * Math.sqrt(60));
});

test("gaps scatter as those of a Poisson process do: their deviation is their mean", () => {
  const moments = poissonMs(seededRandom(3), 100, 100_000);
  const gaps = moments.slice(1).map((atMs, index) => atMs - (moments[index] ?? 0));
  const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
  const variance = gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / gaps.length;
  expect(mean).toBeCloseTo(10, 0);
  expect(Math.sqrt(variance) / mean).toBeCloseTo(1, 1);
});

test("nobody comes at a rate of zero", () => {
  expect(poissonMs(seededRandom(1), 0, 60_000)).toEqual([]);
});

test("a spike has exactly as many clients as it should, all in its time", () => {
  const spike = planSpike(seededRandom(1), 1_000, 1_000);
  expect(spike).toHaveLength(1_000);
  expect(spike.every(({ atMs, kind }) => atMs >= 0 && atMs < 1_000 && kind === "greedy")).toBe(true);
});
