import { expect, test } from "vitest";
import { summarize } from "../../../bench/report/summary.ts";
import { makeResult } from "./fixtures.ts";

const rates = (...values: number[]) => values.map((decodeTokensPerSecond) => ({ decodeTokensPerSecond }));

test("a figure that keeps its target in every round is met for certain", () => {
  const [row] = summarize(makeResult("single", rates(110, 112, 111), rates(100, 100, 100)));
  expect(row?.verdicts[0]).toMatchObject({ target: "≥ 1", met: true, certain: true });
  expect(row?.comparisons[0]?.ratio.value).toBeCloseTo(1.11);
});

test("a figure whose interval reaches over its target is not certain", () => {
  const [row] = summarize(makeResult("single", rates(110, 90, 111), rates(100, 100, 100)));
  expect(row?.verdicts[0]).toMatchObject({ met: true, certain: false });
});

test("a single round is never certain", () => {
  const [row] = summarize(makeResult("single", rates(50), rates(100)));
  expect(row?.verdicts[0]).toMatchObject({ met: false, certain: false });
});

test("lower is better when the target says at most", () => {
  const walls = (...values: number[]) => values.map((wallMs) => ({ wallMs }));
  const [row] = summarize(makeResult("multi-turn", walls(80, 81), walls(100, 100)));
  expect(row?.verdicts[0]).toMatchObject({ target: "≤ 1", met: true });
});

test("a target that is a value needs no rival, one that is a ratio does", () => {
  const [decision] = summarize(makeResult("queue", [{ crowdedDecisionUs: 12 }, { crowdedDecisionUs: 14 }]));
  expect(decision?.verdicts[0]).toMatchObject({ target: "< 20 µs", met: true, certain: true });
  const [single] = summarize(makeResult("single", rates(110, 110)));
  expect(single?.verdicts).toEqual([]);
});

test("memory is compared by its difference, as it was in the whole life of each", () => {
  const result = makeResult("batch8", [{}], [{}]);
  const contestants = result.contestants.map((contestant, index) => ({
    ...contestant,
    closing: { peakRssMb: index === 0 ? 500 : 300 },
  }));
  const [row] = summarize({ ...result, contestants });
  expect(row?.verdicts[0]).toMatchObject({ target: "≤ +220 MB", met: true, certain: true, estimate: { value: 200 } });
});

test("a workload that ended before anything was measured has no rows", () => {
  expect(summarize(makeResult("single", [], []))).toEqual([]);
});

test("a figure may have a target for each of several rivals", () => {
  const rounds = (...values: number[]) => values.map((hitsPerSecond) => ({ hitsPerSecond }));
  const names = ["sluice", "bare Hono", "Portkey"] as const;
  const measured = [rounds(1_100, 1_110), rounds(1_000, 1_000), rounds(300, 300)];
  const contestants = names.map((name, index) => ({ name, rounds: measured[index] ?? [], closing: {} }));
  const [row] = summarize({ ...makeResult("cache", []), contestants });
  expect(row?.verdicts).toMatchObject([
    { rival: "bare Hono", target: "≥ 1", met: true },
    { rival: "Portkey", target: "≥ 5", met: false },
  ]);
});
