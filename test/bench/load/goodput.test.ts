import { expect, test } from "vitest";
import { goodPerSecond, loadFigures, spikeFigures } from "../../../bench/load/goodput.ts";
import type { Outcome } from "../../../bench/load/outcome.ts";

const STANDARD = { ttftMs: 5_000, itlP95Ms: 20 };
const SPAN = { fromMs: 1_000, toMs: 11_000 };

function outcome(over: Partial<Outcome> = {}): Outcome {
  return {
    ...{ kind: "greedy", lateMs: 1, end: "answered", endedMs: 5_000, ttftMs: 100, itlP95Ms: 10 },
    ...{ refusals: [], cameBack: false, ...over },
  };
}

const refusal = { status: 503, tookMs: 3 };

test("a good answer has its first text in time and no slow gaps, and ends while the load lasts", () => {
  const outcomes = [
    outcome(),
    outcome({ ttftMs: 5_000 }),
    outcome({ ttftMs: 5_001 }),
    outcome({ itlP95Ms: 20 }),
    outcome({ endedMs: 11_001 }),
    outcome({ end: "gave up" }),
  ];
  expect(goodPerSecond(outcomes, STANDARD, SPAN)).toBe(0.2);
});

test("an answer of one token has no gaps to be slow, so it isn't counted as good", () => {
  expect(goodPerSecond([outcome({ itlP95Ms: Number.NaN })], STANDARD, SPAN)).toBe(0);
});

test("the time to the first text is told for each key, of those who were let in", () => {
  const outcomes = [
    ...[100, 200, 300].map((ttftMs) => outcome({ ttftMs })),
    ...[10, 30].map((ttftMs) => outcome({ kind: "polite", ttftMs })),
    ...[
      { kind: "polite" as const, lateMs: 1, end: "refused" as const, endedMs: 9, refusals: [refusal], cameBack: false },
    ],
  ];
  expect(loadFigures(outcomes, 10)).toMatchObject({
    greedyTtftP50Ms: 200,
    politeTtftP50Ms: 20,
    politeTtftP95Ms: 29,
    politeTtftOverUnloaded: 2.9,
    politeAnswered: (100 * 2) / 3,
  });
});

test("clients are shared out among their ends, and refusals counted by status, those of who came back too", () => {
  const outcomes = [
    outcome({ cameBack: true, refusals: [refusal] }),
    outcome({ cameBack: true, refusals: [refusal, { status: 429, tookMs: 3 }], end: "refused" }),
    outcome({ end: "gave up" }),
    outcome({ end: "failed" }),
  ];
  expect(loadFigures(outcomes, 10)).toMatchObject({
    ...{ answered: 25, refused: 25, gaveUp: 25, failed: 25 },
    ...{ refusals503: 2, refusals429: 1, refusalP95Ms: 3, returned: 2, returnedAnswered: 50, latenessP99Ms: 1 },
  });
});

test("what nobody was there to measure has no figure", () => {
  const figures = loadFigures([outcome()], 10);
  expect(figures).not.toHaveProperty("returnedAnswered");
  expect(figures).not.toHaveProperty("politeTtftP95Ms");
  expect(figures).not.toHaveProperty("refusalP95Ms");
});

test("of a spike, slow gaps are let pass: only the first text counts", () => {
  const outcomes = [outcome({ itlP95Ms: 99 }), outcome({ ttftMs: 6_000 })];
  expect(spikeFigures(outcomes, 5_000)).toMatchObject({ spikeInTime: 50, spikeAnswered: 100, spikeGaveUp: 0 });
});
