import { expect, test } from "vitest";
import { formatTargets, formatWorkload } from "../../../bench/report/table.ts";
import { makeResult } from "./fixtures.ts";

test("a workload's table has figure, both sides, ratio, target and verdict", () => {
  const rounds = (...values: number[]) => values.map((decodeTokensPerSecond) => ({ decodeTokensPerSecond }));
  const table = formatWorkload(makeResult("single", rounds(110, 112, 111), rounds(100, 100, 100)));
  expect(table).toBe(
    [
      "single: What single does.",
      "  3 rounds, 12 s; others used 11 % of the machine, 20 % at most",
      "  vs llama-server         sluice          rival       ratio [95 %]  target",
      "  decode, tok/s    111 (111–112)  100 (100–100)  1.11 [1.10, 1.12]     ≥ 1  met",
      "",
    ].join("\n"),
  );
});

test("what ended early says why, with what was measured until then", () => {
  const table = formatWorkload({ ...makeResult("single", []), error: "the server ended" });
  expect(table).toContain("! ended early: the server ended");
});

test("the targets of all workloads are told together at the end, and only they", () => {
  const both = [{ decodeTokensPerSecond: 100, itlP50Ms: 10 }];
  expect(
    formatTargets([makeResult("single", both, both), makeResult("multi-turn", [{ wallMs: 90 }], [{ wallMs: 100 }])]),
  ).toBe("Targets\n  single: decode         1.00  ≥ 1  met ?\n  multi-turn: wall time  0.90  ≤ 1  met ?\n");
  expect(formatTargets([])).toBe("");
});
