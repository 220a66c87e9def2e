import { expect, test } from "vitest";
import { formatMarkdown } from "../../../bench/report/markdown.ts";
import type { Report } from "../../../bench/report/write.ts";
import { makeResult } from "./fixtures.ts";

const report: Report = {
  startedAt: "2026-01-02T03:04:05.000Z",
  machine: {
    processor: "Test CPU",
    physicalCores: 2,
    logicalCores: 4,
    memoryGb: 8,
    system: "linux 6 x64",
    node: "v24.0.0",
    loadAverage: 0.1,
  },
  args: { workloads: [], only: [], quick: false, model: "m", peer: true, gpu: "off", threads: 2, out: "x" },
  modelPath: "/somewhere/model.gguf",
  runSeed: 1,
  results: [makeResult("single", [{ decodeTokensPerSecond: 110 }], [{ decodeTokensPerSecond: 100 }])],
};

test("the report says where and when it was measured, without the paths of that machine", () => {
  const markdown = formatMarkdown(report, []);
  expect(markdown).toContain("2026-01-02, full run");
  expect(markdown).toContain("Test CPU, 2 cores (4 logical), 8 GB; linux 6 x64; Node v24.0.0");
  expect(markdown).toContain("model.gguf, 2 threads");
  expect(markdown).not.toContain("/somewhere");
});

test("the report has a row for each target and a table for each workload, and shows its plots", () => {
  const markdown = formatMarkdown(report, [{ title: "Ratios", file: "ratios.svg" }]);
  expect(markdown).toContain("| single | decode | 1.10 | ≥ 1 | met ? |");
  expect(markdown).toContain("| decode, tok/s | 110 | 100 | 1.10 |");
  expect(markdown).toContain("![Ratios](ratios.svg)");
});

test("a workload that ended early is told at the top", () => {
  const failed = { ...makeResult("batch8", []), error: "the server ended\nwith a long log" };
  expect(formatMarkdown({ ...report, results: [failed] }, [])).toContain(
    "- **batch8 ended early**: the server ended\n",
  );
});
