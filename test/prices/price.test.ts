import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sumCosts } from "../../src/generation/cost.ts";
import { costHere } from "../../src/prices/power.ts";
import { costElsewhere, priceTokens } from "../../src/prices/price.ts";
import { listedPrice } from "../../src/prices/table.ts";

const WORK = { prompt: 1_000_000, cached: 400_000, completion: 100_000 };

describe("the price of tokens", () => {
  it("counts prompt tokens that the server had already by their own price, or as any other", () => {
    expect(priceTokens({ input: 1, output: 10, cachedInput: 0.1 }, WORK)).toBeCloseTo(0.6 + 0.04 + 1);
    expect(priceTokens({ input: 1, output: 10 }, WORK)).toBeCloseTo(2);
  });

  it("is the operator's, else what the server tells, else the table's", () => {
    const listed = () => 3;
    expect(costElsewhere({ input: 1, output: 10 }, listed)({ ...WORK, told: 7 })).toEqual({ money: 2 });
    expect(costElsewhere(undefined, listed)({ ...WORK, told: 7 })).toEqual({ money: 7 });
    expect(costElsewhere(undefined, listed)(WORK)).toEqual({ money: 3 });
    expect(costElsewhere(undefined, () => undefined)(WORK)).toBeUndefined();
  });
});

describe("the table", () => {
  it("has the prices of hosted models, and of their cached prompts", () => {
    const price = listedPrice("https://api.openai.com", "gpt-4o-mini");
    expect(price({ prompt: 1_000_000, cached: 0, completion: 1_000_000 })).toBeCloseTo(0.75);
    expect(price({ prompt: 1_000_000, cached: 1_000_000, completion: 0 })).toBeCloseTo(0.075);
  });

  it("has another price for long prompts where the provider has", () => {
    const price = listedPrice("https://generativelanguage.googleapis.com", "gemini-2.5-pro");
    const [short = 0, long = 0] = [100_000, 300_000].map((prompt) => price({ prompt, cached: 0, completion: 0 }));
    expect(short).toBeGreaterThan(0);
    expect(long).toBeGreaterThan(4 * short);
  });

  it("has none of a server or a model that it doesn't know: the same model costs something else elsewhere", () => {
    expect(listedPrice("https://llm.example.com/v1", "gpt-4o-mini")(WORK)).toBeUndefined();
    expect(listedPrice("https://api.openai.com", "no-such-model")(WORK)).toBeUndefined();
  });

  it("follows prices that differ by the time of day", () => {
    let nowMs = Date.UTC(2026, 0, 1, 0, 29);
    const price = listedPrice("https://api.deepseek.com", "deepseek-chat", () => nowMs);
    const [atNight = 0, still] = [price(WORK), price(WORK)];
    expect(still).toBe(atNight);
    nowMs = Date.UTC(2026, 0, 1, 0, 31);
    expect(price(WORK)).toBeGreaterThan(atNight);
  });
});

describe("the cost of this machine's work", () => {
  const unknown = { localWatts: 0, pricePerKwh: 0, pricePerHour: 0 };
  const work = { prompt: 1, cached: 0, completion: 1, computeMs: 3_600_000 };

  it("is unknown as long as nothing is set and nothing is measured", () => {
    expect(costHere(unknown)(work)).toBeUndefined();
    expect(costHere({ ...unknown, pricePerKwh: 1 })(work)).toBeUndefined();
  });

  it("is an estimate by the power that is set, and says so", () => {
    expect(costHere({ ...unknown, localWatts: 100, pricePerKwh: 0.3 })(work)).toEqual({
      money: expect.closeTo(0.03),
      energy: { joules: 360_000, isEstimate: true },
    });
  });

  it("is by measured energy where there is some", () => {
    const measured = { ...work, joules: 36_000 };
    expect(costHere({ ...unknown, localWatts: 100, pricePerKwh: 1 })(measured)).toEqual({
      money: expect.closeTo(0.01),
      energy: { joules: 36_000, isEstimate: false },
    });
    expect(costHere(unknown)(measured)).toEqual({ energy: { joules: 36_000, isEstimate: false } });
  });

  it("has the price of its hours", () => {
    expect(costHere({ ...unknown, pricePerHour: 2 })({ ...work, computeMs: 1_800_000 })).toEqual({ money: 1 });
  });
});

it("adds up to a sum in which an estimate makes all of it one, whatever is unknown", () => {
  const cost = fc.option(
    fc.record(
      {
        money: fc.nat(100),
        energy: fc.record({ joules: fc.nat(100), isEstimate: fc.boolean() }),
      },
      { requiredKeys: [] },
    ),
    { nil: undefined },
  );
  fc.assert(
    fc.property(fc.array(cost, { maxLength: 5 }), (costs) => {
      const known = costs.filter((each) => each !== undefined);
      const sum = sumCosts(costs);
      expect(sum === undefined).toBe(known.length === 0);
      const monies = known.flatMap(({ money }) => money ?? []);
      const energies = known.flatMap(({ energy }) => energy ?? []);
      expect(sum?.money).toBe(monies.length === 0 ? undefined : monies.reduce((one, other) => one + other));
      expect(sum?.energy?.isEstimate ?? false).toBe(energies.some(({ isEstimate }) => isEstimate));
    }),
  );
});
