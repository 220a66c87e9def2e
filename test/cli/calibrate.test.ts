import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { pino } from "pino";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bestOf, curveOf, type Pair } from "../../src/cli/calibrate.ts";
import { run } from "../../src/cli/run.ts";
import { formatShare, wilson } from "../../src/cli/wilson.ts";
import { loadConfig } from "../../src/config/load.ts";
import { createGateway } from "../../src/gateway/gateway.ts";
import { answerWith, chunk, type MockUpstream, mockUpstream, streaming } from "../fixtures/mock-upstream.ts";
import { listen } from "../http/support.ts";
import { fakeContext } from "./fake-context.ts";

const pair = (least: number | undefined, isSmallRight: boolean, isLargeRight = true): Pair => ({
  confidence: least === undefined ? undefined : { mean: least / 2, least },
  ...{ isSmallRight, isLargeRight, largeCost: 0.5 },
});

describe("the curve of a cascade", () => {
  it("says for each threshold how many are asked of the large model, and how many answers are right", () => {
    const pairs = [pair(-1, true), pair(-2, false), pair(-0.5, true, false), pair(undefined, false)];
    expect(curveOf(pairs, "least").map(({ threshold, asked, right, cost }) => [threshold, asked, right, cost])).toEqual(
      [
        // Without a score the large model is asked in any case.
        [-2.5, 1, 3, 0.5],
        [-1.5, 2, 4, 1],
        [-0.75, 3, 4, 1.5],
        [Number.POSITIVE_INFINITY, 4, 3, 2],
      ],
    );
    expect(bestOf(curveOf(pairs, "least"))).toMatchObject({ threshold: -1.5, asked: 2 });
  });

  it("begins with the small model's own answers, ends with the large one's, and asks more with each step", () => {
    const pairs = fc.array(
      fc.tuple(fc.double({ min: -20, max: 0, noNaN: true }), fc.boolean(), fc.boolean()).map((one) => pair(...one)),
      { minLength: 1 },
    );
    fc.assert(
      fc.property(pairs, (all) => {
        const curve = curveOf(all, "least");
        expect(curve[0]).toMatchObject({ asked: 0, right: all.filter(({ isSmallRight }) => isSmallRight).length });
        const last = { asked: all.length, right: all.filter(({ isLargeRight }) => isLargeRight).length };
        expect(curve.at(-1)).toMatchObject(last);
        for (const [index, { asked }] of curve.slice(1).entries())
          expect(asked).toBeGreaterThan(curve[index]?.asked ?? 0);
      }),
    );
  });
});

describe("Wilson's interval", () => {
  it("is that of the textbooks, and holds the share", () => {
    expect(wilson(8, 10)).toMatchObject({ low: expect.closeTo(0.4902, 4), high: expect.closeTo(0.9433, 4) });
    expect(wilson(0, 10)).toMatchObject({ low: 0, high: expect.closeTo(0.2775, 4) });
    expect(formatShare(wilson(880, 1_240))).toBe("71 % [68, 73]");
    fc.assert(
      fc.property(fc.nat(1_000), fc.nat(1_000), (one, other) => {
        const [successes, trials] = [Math.min(one, other), Math.max(one, other)];
        const { share, low, high } = wilson(successes, trials);
        expect(low).toBeLessThanOrEqual(share + 1e-9);
        expect(high).toBeGreaterThanOrEqual(share - 1e-9);
      }),
    );
  });
});

describe("sluice route calibrate", () => {
  const SETTINGS = (small: string, large: string) => `
upstreams:
  near: { baseUrl: "${small}", models: { small: one } }
  far: { baseUrl: "${large}", models: { large: { name: one, price: { input: 1000, output: 1000 } } } }
routes: { chat: { targets: [small, large], cascade: { least: -1 } } }
promptsDir: prompts
stateFile: ":memory:"
warmPresets: false
port: 1
`;
  let folder = "";
  const ends: (() => unknown)[] = [];
  let url = "";
  let large: MockUpstream;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "sluice-calibrate-"));
    ends.push(() => rmSync(folder, { recursive: true }));
    const small = await mockUpstream((response, heard) => {
      const isHard = JSON.stringify(heard.body ?? "").includes("hard");
      const content = [{ token: "yes", logprob: isHard ? -3 : -0.25, bytes: [121, 101, 115] }];
      streaming([
        chunk({ delta: { content: "yes" }, logprobs: { content } }),
        chunk({ finish_reason: "stop" }),
        "[DONE]",
      ])(response, heard);
    });
    large = await mockUpstream(answerWith(["no"], { prompt_tokens: 10, completion_tokens: 1 }));
    ends.push(small.close, large.close);
    const { mkdirSync } = await import("node:fs");
    mkdirSync(join(folder, "prompts"));
    writeFileSync(
      join(folder, "prompts", "ask.yaml"),
      'id: ask\nversion: 1\ndescription: Asks.\nsystem: "Say yes or no."\n',
    );
    const cases = ["{ input: easy, expect: { equals: yes } }", "{ input: hard, expect: { equals: no } }"];
    writeFileSync(
      join(folder, "prompts", "ask.eval.yaml"),
      `cases:\n${cases.map((one) => `  - ${one}\n`).join("")}`.replaceAll("yes", '"yes"').replaceAll("no }", '"no" }'),
    );
    writeFileSync(join(folder, "sluice.yaml"), SETTINGS(small.url, large.url));
    const { config } = loadConfig({ flags: {}, env: {}, cwd: folder });
    const gateway = await createGateway({
      config: { ...config, promptsDir: join(folder, "prompts") },
      ...{ models: [], logger: pino({ level: "silent" }) },
    });
    await gateway.start();
    const server = await listen(gateway.app);
    url = server.url;
    ends.push(gateway.stop, () => server[Symbol.asyncDispose]());
  });
  afterAll(async () => {
    for (const end of ends.toReversed()) await end();
  });

  async function calibrate(...words: string[]) {
    const context = fakeContext({ cwd: folder });
    const exitCode = await run(["route", "calibrate", ...words, "--url", url], context);
    return { exitCode, stdout: context.stdout.text(), stderr: context.stderr.text() };
  }

  it("measures both models on the cases of a preset, and names the threshold", async () => {
    const { stdout, exitCode, stderr } = await calibrate("chat", "ask");
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "1 of 2 cases: ask\n2 of 2 cases: ask\n" });
    const lines = stdout.split("\n").map((line) => line.replaceAll(/ +/g, " ").trim());
    expect(lines.slice(0, 4)).toEqual([
      "LEAST ASKED RIGHT COST",
      "-3.50 0 % [0, 66] 50 % [9, 91]",
      "-1.63 50 % [9, 91] 100 % [34, 100] 0.011000",
      "always 100 % [34, 100] 50 % [9, 91] 0.022000",
    ]);
    expect(stdout).toContain("Only 2 cases");
    expect(stdout).toContain("cascade: { least: -1.63 }");
  });

  it("prints all of it as JSON, and refuses what is no route", async () => {
    expect(JSON.parse((await calibrate("chat", "--json")).stdout)).toMatchObject({
      pairs: [
        { isSmallRight: true, isLargeRight: false, confidence: { least: -0.25 } },
        { isSmallRight: false, isLargeRight: true },
      ],
    });
    const refused = await calibrate("small");
    expect(refused).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("Routes: chat.") });
  });
});
