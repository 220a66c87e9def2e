import { describe, expect, it } from "vitest";
import { run } from "../../src/cli/run.ts";
import { createTestApp, listen } from "../http/support.ts";
import { answerOf } from "../http/what-if-support.ts";
import { fakeContext } from "./fake-context.ts";

async function sluice(...words: string[]) {
  const context = fakeContext({ env: {} });
  const exitCode = await run(["what-if", ...words], context);
  return { exitCode, stdout: context.stdout.text(), stderr: context.stderr.text() };
}

/** A gateway that has answered so many requests. */
async function setUp(requests = 20) {
  return listen(createTestApp({ whatIf: answerOf(requests) }).app);
}

describe("sluice what-if", () => {
  it("shows what was measured, simulated as today, and simulated with other settings", async () => {
    await using server = await setUp();
    const { exitCode, stdout, stderr } = await sluice("--slots", "8", "--url", server.url);
    expect(exitCode).toBe(0);
    const [heading, ...rows] = stdout
      .trimEnd()
      .split("\n")
      .map((line) => line.trim().split(/ {2,}/));
    expect(heading).toEqual(["MEASURED", "SIMULATED AS TODAY", "WITH THESE SETTINGS"]);
    expect(rows[0]).toEqual(["first token, half", "60 ms", expect.stringMatching(/ ms$/), expect.any(String)]);
    expect(rows).toContainEqual(["answered here", "20", "20", "20"]);
    expect(stderr).toContain("From the last 20 requests that busiest answered");
  });

  it("sends every flag, and prints the gateway's answer as JSON", async () => {
    await using server = await setUp();
    const limits = [
      "--slots",
      "3",
      "--replicas",
      "2",
      "--max-pending",
      "9",
      "--max-wait-ms",
      "5000",
      "--traffic",
      "0.5",
    ];
    const spill = ["--spill-after", "2s", "--spill-first-token", "300ms", "--spill-prompt-price", "0.5"];
    const words = [...limits, ...spill, "--spill-answer-price", "1.5", "--model", "mine", "--json"];
    const { stdout } = await sluice(...words, "--url", server.url);
    expect(JSON.parse(stdout)).toMatchObject({
      object: "what_if",
      model: "mine",
      settings: {
        changed: {
          ...{ slots: 3, replicas: 2, max_pending: 9, max_wait_ms: 5_000, traffic: 0.5 },
          spill: { after_ms: 2_000, first_token_ms: 300, prompt_price: 0.5, completion_price: 1.5 },
        },
      },
    });
  });

  it.each([
    [["--slots", "0"], "--slots: 0 is not allowed. Give a whole number from 1 to 1024."],
    [["--traffic", "1000"], "--traffic: 1000 is not allowed."],
    [["--spill-after", "soon"], "--spill-after: soon is not allowed. Give a time such as 500ms or 2s"],
    [["--spill-after", "2h"], "--spill-after: 2h is not allowed."],
    [["--spill-prompt-price", "1"], "--spill-prompt-price has no effect without --spill-after."],
  ])("refuses %j before it asks", async (words, message) => {
    const { exitCode, stderr } = await sluice(...words, "--url", "http://127.0.0.1:9");
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining(message)]);
  });

  it("passes on why the gateway has no answer, and says that there is no gateway", async () => {
    await using server = await setUp(9);
    expect(await sluice("--url", server.url)).toMatchObject({
      ...{ exitCode: 4, stdout: "" },
      stderr: expect.stringContaining("at least 10 are needed"),
    });
    const { exitCode, stderr } = await sluice("--url", "http://127.0.0.1:9");
    expect([exitCode, stderr]).toEqual([3, expect.stringContaining("No gateway responds at http://127.0.0.1:9")]);
  });
});
