import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { describe, expect, inject, test } from "vitest";

async function sluice(...words: readonly string[]) {
  try {
    const { stdout } = await promisify(execFile)(process.execPath, ["src/main.ts", ...words]);
    return { exitCode: 0, stdout };
  } catch (error) {
    if (error instanceof Error && "code" in error && "stdout" in error) {
      return { exitCode: error.code, stdout: String(error.stdout) };
    }
    throw error;
  }
}

describe("sluice doctor, on this machine", () => {
  test("really opens llama.cpp, finds the model, and says that Sluice can serve", async () => {
    const { exitCode, stdout } = await sluice("doctor", "--json", "--port", "0", "--gpu", "off", "--verify");
    const report = JSON.parse(stdout);
    expect(report.checks.filter(({ level }: { level: string }) => level === "problem")).toEqual([]);
    expect(exitCode).toBe(0);
    expect(report.canServe).toBe(true);
    expect(report.llamaCpp.chosen).toMatchObject({
      type: "opened",
      backend: "cpu",
      release: expect.stringMatching(/^\w/),
    });
    expect(report.machine.processor.mathCores).toBeGreaterThan(0);
    expect(report.models).toMatchObject([{ state: "here", hash: "same" }]);
    expect(report.memoryEstimate.slotBytes).toBe(4 * 4096 * 23_040);
  });

  test("reports that the shared gateway's port is taken, and exits with 1", async () => {
    const { port } = new URL(inject("gatewayUrl"));
    const { exitCode, stdout } = await sluice("doctor", "--port", port, "--gpu", "off");
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/^✖ address {2,}Sluice already runs on port \d+ of 127\.0\.0\.1$/m);
  });
});
