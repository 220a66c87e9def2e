import { expect, test } from "vitest";
import { limitsOf } from "../../bench/plan.ts";

test("a full run has five rounds, unless the workload or the command line says otherwise", () => {
  const at = { leftWorkloads: 1, elapsedMs: 0 };
  expect(limitsOf({}, { quick: false }, at).rounds).toBe(5);
  expect(limitsOf({ rounds: { full: 7, quick: 2 } }, { quick: false }, at).rounds).toBe(7);
  expect(limitsOf({ rounds: { full: 7, quick: 2 } }, { quick: false, rounds: 9 }, at).rounds).toBe(9);
});

test("a quick run shares what is left of its time evenly among the workloads that are left", () => {
  const early = limitsOf({}, { quick: true }, { leftWorkloads: 10, elapsedMs: 15_000 });
  const late = limitsOf({}, { quick: true }, { leftWorkloads: 2, elapsedMs: 115_000 });
  expect(early.softLimitMs).toBe(15_000);
  expect(late.softLimitMs).toBe(25_000);
});

test("whenever a workload begins, a quick run stays under three minutes, and what has no time left has no rounds", () => {
  for (let elapsedMs = 0; elapsedMs < 200_000; elapsedMs += 1_000) {
    const { hardLimitMs, rounds } = limitsOf({}, { quick: true }, { leftWorkloads: 1, elapsedMs });
    if (rounds > 0) expect(elapsedMs + hardLimitMs).toBeLessThan(175_000);
    expect(rounds).toBe(elapsedMs > 160_000 ? 0 : 3);
  }
});
