import { describe, expect, it } from "vitest";
import { createProgressReporter, type Progress } from "../../src/models/progress.ts";

function reporter() {
  const seen: Progress[] = [];
  const clock = { ms: 0 };
  const { report } = createProgressReporter(
    "a source",
    (progress) => seen.push(progress),
    () => clock.ms,
  );
  return { seen, clock, report };
}

describe("createProgressReporter", () => {
  it("computes rate and time left from the last seconds", () => {
    const { seen, clock, report } = reporter();
    for (let second = 0; second <= 10; second++) {
      clock.ms = second * 1000;
      // A slow beginning that must be forgotten after five seconds.
      report("downloading", second <= 5 ? second : 5 + (second - 5) * 1_000, 100_000);
    }
    expect(seen.at(-1)).toEqual({
      phase: "downloading",
      source: "a source",
      receivedBytes: 5_005,
      totalBytes: 100_000,
      bytesPerSecond: 1_000,
      etaMs: 94_995,
    });
  });

  it("knows no rate at first, and no time left without a total", () => {
    const { seen, clock, report } = reporter();
    report("downloading", 0);
    clock.ms = 1_000;
    report("downloading", 500);
    expect(seen).toEqual([
      { phase: "downloading", source: "a source", receivedBytes: 0 },
      { phase: "downloading", source: "a source", receivedBytes: 500, bytesPerSecond: 500 },
    ]);
  });

  it("passes on at most ten amounts a second, but every new phase and the last amount", () => {
    const { seen, clock, report } = reporter();
    for (let i = 0; i < 1_000; i++) {
      clock.ms = i;
      report("downloading", i, 2_000);
    }
    expect(seen.length).toBeLessThanOrEqual(10);
    report("downloading", 2_000, 2_000);
    report("verifying", 0, 2_000);
    expect(seen.slice(-2).map(({ phase, receivedBytes }) => [phase, receivedBytes])).toEqual([
      ["downloading", 2_000],
      ["verifying", 0],
    ]);
  });

  it("has no negative rate when a download restarts", () => {
    const { seen, clock, report } = reporter();
    for (const [ms, bytes] of [
      [0, 0],
      [1_000, 900],
      [2_000, 0],
      [3_000, 100],
    ] as const) {
      clock.ms = ms;
      report("downloading", bytes, 1_000);
    }
    expect(seen.map(({ bytesPerSecond }) => bytesPerSecond)).toEqual([undefined, 900, undefined, 100]);
  });
});
