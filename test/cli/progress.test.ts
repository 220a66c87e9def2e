import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatBarLine, formatPlainLine, showProgress } from "../../src/cli/progress.ts";
import type { Progress } from "../../src/models/index.ts";
import { fakeOutput } from "./fake-context.ts";

const MIB = 1024 * 1024;

function downloading(receivedBytes: number, more: Partial<Progress> = {}): Progress {
  return { phase: "downloading", source: "hf:owner/repo:Q8_0", receivedBytes, totalBytes: 100 * MIB, ...more };
}

describe("formatBarLine", () => {
  it("shows the name, the phase, the bar, the share, the rate and the time left", () => {
    expect(formatBarLine("smol", downloading(50 * MIB, { bytesPerSecond: 10 * MIB, etaMs: 5000 }), 120)).toBe(
      "smol  downloading  ████████████░░░░░░░░░░░░   50%  50.0 MiB of 100 MiB, 10.0 MiB/s, 5 s left",
    );
  });

  it("omits the bar on a narrow terminal, and keeps the numbers", () => {
    expect(formatBarLine("smol", downloading(50 * MIB, { bytesPerSecond: 10 * MIB, etaMs: 5000 }), 72)).toBe(
      "smol  downloading   50%  50.0 MiB of 100 MiB, 10.0 MiB/s, 5 s left",
    );
  });

  it("shows the received amount when the total is unknown", () => {
    const progress: Progress = { phase: "downloading", source: "x", receivedBytes: 3 * MIB };
    expect(formatBarLine("smol", progress, 80)).toBe("smol  downloading  3.0 MiB");
  });

  it("shows the host that it connects to, and what it waits for", () => {
    expect(formatBarLine("smol", { phase: "connecting", source: "hub.test", receivedBytes: 0 }, 80)).toBe(
      "smol  connecting to hub.test",
    );
    expect(formatBarLine("smol", { phase: "waiting", source: "x", receivedBytes: 0 }, 80)).toBe(
      "smol  waiting for another download of it to end",
    );
  });

  it("is never longer than the terminal is wide, and never shows more than 100%", () => {
    const progress = fc.record({
      phase: fc.constantFrom("connecting", "downloading", "verifying", "extracting", "waiting"),
      source: fc.string(),
      receivedBytes: fc.nat({ max: 2 ** 40 }),
      totalBytes: fc.option(fc.nat({ max: 2 ** 40 }), { nil: undefined }),
      bytesPerSecond: fc.option(fc.double({ min: 0, noNaN: true }), { nil: undefined }),
      etaMs: fc.option(fc.double({ min: 0, noNaN: true }), { nil: undefined }),
    });
    fc.assert(
      fc.property(fc.string(), progress, fc.integer({ min: 1, max: 200 }), (name, given, columns) => {
        const line = formatBarLine(name, given as Progress, columns);
        expect(line.length).toBeLessThanOrEqual(columns);
        const percent = /(\d+)% {2}/.exec(line)?.[1];
        if (percent !== undefined && !name.includes("%")) expect(Number(percent)).toBeLessThanOrEqual(100);
      }),
    );
  });
});

describe("formatPlainLine", () => {
  it("is a line to be read in a log", () => {
    expect(formatPlainLine("smol", downloading(30 * MIB, { bytesPerSecond: 10 * MIB, etaMs: 7000 }))).toBe(
      "smol: downloading 30% (30.0 MiB of 100 MiB, 10.0 MiB/s, 7 s left)",
    );
    expect(formatPlainLine("smol", { phase: "connecting", source: "hub.test", receivedBytes: 0 })).toBe(
      "smol: connecting to hub.test",
    );
  });
});

describe("showProgress without a terminal", () => {
  /** Tells of 100 MiB arriving at 1 MiB every `msPerMib`, four times as often, and gives the percentages that were written. */
  function shownPercents(msPerMib: number): readonly number[] {
    const output = fakeOutput();
    let clockMs = 0;
    const view = showProgress(output, "smol", () => clockMs);
    for (let quarters = 0; quarters <= 400; quarters++) {
      clockMs = (quarters / 4) * msPerMib;
      view.update(downloading((quarters / 4) * MIB));
    }
    view.stop();
    expect(output.text()).not.toContain("\u001b");
    const lines = output.text().trimEnd().split("\n");
    return lines.map((line) => Number(/(\d+)%/.exec(line)?.[1]));
  }

  it("writes a line every ten percent, however often it is called", () => {
    expect(shownPercents(1_000)).toEqual([0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100]);
  });

  it("writes at most a line every two seconds", () => {
    expect(shownPercents(50)).toEqual([0, 40, 80]);
  });

  it("writes a line a minute on a slow download", () => {
    expect(shownPercents(30_000).slice(0, 5)).toEqual([0, 2, 4, 6, 8]);
  });

  it("writes a line for each phase", () => {
    const output = fakeOutput();
    const view = showProgress(output, "smol", () => 0);
    for (const phase of ["connecting", "connecting", "downloading", "verifying", "verifying"] as const)
      view.update(downloading(0, { phase }));
    expect(output.text().trimEnd().split("\n")).toHaveLength(3);
  });

  it("writes nothing for an existing model", () => {
    const output = fakeOutput();
    showProgress(output, "smol").stop();
    expect(output.text()).toBe("");
  });
});

describe("showProgress on a terminal", () => {
  it("draws the bar, and leaves an empty line and the terminal as it was", () => {
    const output = fakeOutput({ isTTY: true, columns: 100 });
    const view = showProgress(output, "smol");
    view.update(downloading(50 * MIB));
    view.stop();
    view.stop();
    expect(output.text()).toContain("smol  downloading  ████████████░░░░░░░░░░░░   50%");
    // Neither a hidden cursor nor a changed wrapping, which a killed process could not undo.
    expect(output.text()).not.toContain("\u001b[?");
    expect(output.text().endsWith("\u001b[2K")).toBe(true);
  });

  it("draws nothing for an existing model", () => {
    const output = fakeOutput({ isTTY: true, columns: 100 });
    showProgress(output, "smol").stop();
    expect(output.text()).toBe("");
  });
});
