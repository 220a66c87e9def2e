import { describe, expect, it } from "vitest";
import { findNodeProblem } from "../../src/cli/node-version.ts";

describe("findNodeProblem", () => {
  it.each([
    ["22.18.0", true],
    ["22.19.0", false],
    ["24.21.0", true],
    ["26.0.0-nightly2026", true],
  ])("finds none in Node %s (from source: %s)", (version, runsFromSource) => {
    expect(findNodeProblem(version, runsFromSource)).toBeUndefined();
  });

  it.each([
    ["22.17.1", true, "22.18"],
    ["20.20.2", false, "22.19"],
    ["22.18.0", false, "22.19"],
    ["18.0.0", true, "22.18"],
  ])("tells the owner of Node %s (from source: %s) that %s is needed", (version, runsFromSource, needed) => {
    const problem = findNodeProblem(version, runsFromSource);
    expect(problem).toContain(`needs Node ${needed} or newer, and this is Node ${version}`);
    expect(problem).toContain(runsFromSource ? "Start with `npm start`" : "install a newer Node");
  });
});
