import { describe, expect, it } from "vitest";
import { createPricing, createRunMeter } from "../../src/queue/price.ts";
import { markOf, sizeOfPrompt } from "../../src/queue/prompt-size.ts";
import { generationRequest } from "../fixtures/generation.ts";

const ORDER = { tenant: "a", size: { type: "characters", count: 400 }, choices: 1, maxTokens: undefined } as const;

describe("a price", () => {
  it("learns how many characters a token has", () => {
    const pricing = createPricing();
    const size = { type: "characters", count: 40_000 } as const;
    for (let time = 0; time < 100; time++) {
      pricing.notePrompt({ ...ORDER, size }, { promptTokens: 20_000, cachedTokens: 0 });
    }
    expect(pricing.tokensOf({ type: "characters", count: 1_000 })).toBeCloseTo(500, -1);
    expect(pricing.tokensOf({ type: "tokens", count: 1_000 })).toBe(1_000);
  });

  it("never expects more tokens than the context has", () => {
    const pricing = createPricing(() => 4_096);
    for (const type of ["characters", "tokens"] as const)
      expect(pricing.tokensOf({ type, count: 100_000_000 })).toBe(4_096);
    const { speeds } = pricing;
    const order = { ...ORDER, size: { type: "characters", count: 12_000 }, maxTokens: 1_000_000 } as const;
    for (let time = 0; time < 100; time++) pricing.noteOutput("a", 100_000);
    const { prefillMs, slotMs } = pricing.expect(order, 1);
    expect(prefillMs / speeds.prefillMsPerToken + (slotMs - prefillMs) / speeds.itlMs(1)).toBeLessThanOrEqual(4_096);
  });

  it("isn't misled about long prompts by short ones, which are mostly template", () => {
    const pricing = createPricing();
    const size = { type: "characters", count: 20 } as const;
    for (let time = 0; time < 100; time++)
      pricing.notePrompt({ ...ORDER, size }, { promptTokens: 30, cachedTokens: 0 });
    expect(pricing.tokensOf({ type: "characters", count: 4_000 })).toBeLessThan(2_000);
  });

  it("counts only the tokens to evaluate, by the engine's reply or the tenant's usual share", () => {
    const pricing = createPricing();
    const whole = pricing.expect(ORDER, 1, { promptTokens: 100, cachedTokens: 0 });
    expect(pricing.expect(ORDER, 1, { promptTokens: 100, cachedTokens: 90 }).prefillMs).toBeCloseTo(
      whole.prefillMs / 10,
    );
    for (let time = 0; time < 100; time++) pricing.notePrompt(ORDER, { promptTokens: 100, cachedTokens: 75 });
    expect(pricing.expect(ORDER, 1).prefillMs).toBeCloseTo(whole.prefillMs / 4);
  });

  it("expects as much output as the tenant usually gets, and no more than the request allows", () => {
    const pricing = createPricing();
    for (let time = 0; time < 100; time++) {
      pricing.noteOutput("a", 10);
      pricing.noteOutput("b", 1_000);
    }
    const priceFor = (tenant: string, maxTokens?: number) => pricing.expect({ ...ORDER, tenant, maxTokens }, 1).slotMs;
    expect(priceFor("b")).toBeGreaterThan(10 * priceFor("a"));
    expect(priceFor("b", 10)).toBeCloseTo(priceFor("a"));
    expect(priceFor("a", 5_000)).toBe(priceFor("a"));
  });

  it("follows the speeds of the machine, by how many sequences run", () => {
    const pricing = createPricing();
    for (let time = 0; time < 200; time++) {
      pricing.speeds.noteItl(1, 10);
      pricing.speeds.noteItl(4, 40);
      pricing.speeds.notePrefill(100, 200);
    }
    const used = { promptTokens: 100, cachedTokens: 0, outputTokens: 10 };
    expect(pricing.settle(used, 1).slotMs).toBeCloseTo(200 + 100);
    expect(pricing.settle(used, 4).slotMs).toBeCloseTo(200 + 400);
    expect(pricing.speeds.itlMs(3)).toBeGreaterThan(10);
  });

  it("knows the speed for the nearest number of sequences, however many may run", () => {
    const { speeds } = createPricing();
    expect(speeds.itlMs(100_000)).toBe(25);
    speeds.noteItl(2, 20);
    speeds.noteItl(6, 60);
    expect([0, 2, 3, 4, 5, 7, 100_000].map(speeds.itlMs)).toEqual([20, 20, 20, 20, 60, 60, 60]);
  });

  it("counts the tokens of texts that have several, such as those of drafts", () => {
    const pricing = createPricing();
    const before = pricing.expect({ ...ORDER, maxTokens: 100 }, 1);
    function answer(choices: number, other: boolean): number {
      const meter = createRunMeter(pricing, { ...ORDER, choices }, 0, true);
      meter.started({ promptTokens: 10, cachedTokens: 0 });
      for (let text = 0; text < 100; text++) meter.text(undefined, text, 1);
      if (other) meter.other();
      meter.choiceEnded(400);
      return meter.end(1, undefined);
    }
    for (let time = 0; time < 20; time++) answer(2, false);
    for (let time = 0; time < 20; time++) answer(1, true);
    expect(pricing.tokensOfText()).toBe(1);
    for (let time = 0; time < 20; time++) answer(1, false);
    expect(pricing.tokensOfText()).toBeGreaterThan(3.5);
    const { slotMs, prefillMs } = pricing.expect({ ...ORDER, maxTokens: 100 }, 1);
    expect(slotMs - prefillMs).toBeLessThan((before.slotMs - before.prefillMs) / 3.5);
    const cut = createRunMeter(pricing, ORDER, 0, true);
    cut.started({ promptTokens: 10, cachedTokens: 0 });
    for (let text = 0; text < 100; text++) cut.text(undefined, text, 1);
    expect(cut.end(1, undefined) / answer(1, false)).toBeCloseTo(1, 1);
  });

  it("isn't misled about long prompts by calls that evaluate almost nothing", () => {
    const pricing = createPricing();
    function measure(evaluated: number, ms: number): void {
      const meter = createRunMeter(pricing, ORDER, 0, true);
      meter.started({ promptTokens: 1_000, cachedTokens: 1_000 - evaluated });
      meter.text(undefined, ms, 1);
    }
    for (let time = 0; time < 20; time++) measure(1_000, 1_000);
    for (let time = 0; time < 200; time++) measure(1, 60);
    expect(pricing.expect(ORDER, 1, { promptTokens: 1_000, cachedTokens: 0 }).prefillMs).toBeLessThan(1_100);
  });

  it("hardly changes after a single request that took an hour, such as one whose reader stopped", () => {
    const pricing = createPricing();
    for (let time = 0; time < 20; time++) pricing.noteTime(1_000, 1_000);
    pricing.noteTime(1_000, 3_600_000);
    expect(pricing.calibration).toBeLessThan(1.3);
  });

  it("corrects an estimated wait at most by a factor of twenty", () => {
    const pricing = createPricing();
    pricing.noteWait("a", 1, 600_000);
    expect(pricing.delay("a")).toBe(20);
  });

  it("remembers about a thousand tenants, and uses the average for the others", () => {
    const pricing = createPricing();
    const priceFor = (tenant: string) => pricing.expect({ ...ORDER, tenant }, 1).slotMs;
    pricing.noteOutput("a", 10_000);
    for (let tenant = 0; tenant < 1_000; tenant++) pricing.noteOutput(`${tenant}`, 10);
    expect(priceFor("a")).toBeGreaterThan(10 * priceFor("b"));
    for (let tenant = 1_000; tenant < 1_100; tenant++) pricing.noteOutput(`${tenant}`, 10);
    expect(priceFor("a")).toBe(priceFor("b"));
  });

  it("hardly changes after a single pause of the machine", () => {
    const { speeds } = createPricing();
    for (let time = 0; time < 100; time++) speeds.noteItl(1, 10);
    speeds.noteItl(1, 60_000);
    expect(speeds.itlMs(1)).toBeLessThan(15);
  });
});

it("the size of a prompt is that of its texts and what a template adds", () => {
  const messages = [{ role: "user", content: "x".repeat(84) } as const];
  expect(sizeOfPrompt({ prompt: { type: "chat", messages } })).toEqual({ type: "characters", count: 100 });
  expect(sizeOfPrompt({ prompt: { type: "tokens", tokens: [1, 2] } })).toEqual({ type: "tokens", count: 2 });
});

it("distinguishes two prompts of the same length by their ends", () => {
  const markFor = (text: string) => markOf(generationRequest({ prompt: { type: "text", text } }));
  expect(markFor("What is a sonnet?")).toBe(markFor("What is a sonnet?"));
  expect(markFor("What is a sonnet?")).not.toBe(markFor("What is a ballad?"));
});
