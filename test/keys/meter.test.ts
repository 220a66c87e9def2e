import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BeyondLimitError, BudgetSpentError, RateLimitedError } from "../../src/generation/errors.ts";
import { type Counters, createCounters } from "../../src/keys/counters.ts";
import type { Key } from "../../src/keys/key.ts";
import { type Charge, createMeter, type Meter } from "../../src/keys/meter.ts";
import type { Figures } from "../../src/keys/usage.ts";
import { key } from "./support.ts";

const NOTHING = [{ used: { prompt: 0, cached: 0, completion: 0 } }] as const;

function setUp() {
  const noted: Figures[] = [];
  const { counters, settled } = watch(createCounters());
  const meter = createMeter({
    counters,
    usage: { add: (_key, _model, figures) => void noted.push(figures) },
    random: () => 0,
  });
  return { meter, noted, settled };
}

/** Counters, and what resolves when all that was added is. */
function watch({ add }: Counters) {
  const pending: Promise<unknown>[] = [];
  const counters: Counters = {
    add(...given) {
      const added = add(...given);
      pending.push(added);
      return added;
    },
  };
  return { counters, settled: () => Promise.all(pending) };
}

let requests = 0;
function begin(meter: Meter, whose: Key, tokens = 10, requestId = `req_${requests++}`) {
  return meter.begin(whose, { requestId, model: "one", tokens });
}

describe("requests", () => {
  it("are admitted up to the limit, and the next is told the limit and when to retry", async () => {
    const { meter, noted } = setUp();
    const whose = key({ requestsPerMinute: 2 });
    await begin(meter, whose);
    expect(meter.view(whose, "requests")).toMatchObject({ limit: 2, remaining: 1 });
    await begin(meter, whose);
    const refusal = await begin(meter, whose).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(RateLimitedError);
    expect(refusal).toMatchObject({
      limited: "requests",
      message: expect.stringContaining("requests per minute: limit 2, used 2"),
    });
    expect((refusal as RateLimitedError).retryAfterMs).toBeGreaterThan(59_000);
    expect((refusal as RateLimitedError).retryAfterMs).toBeLessThanOrEqual(60_000);
    expect(noted).toEqual([{ refusals: 1 }]);
    expect(meter.view(whose, "tokens")).toBeUndefined();
  });

  it("of one key don't affect another key", async () => {
    const { meter } = setUp();
    await begin(meter, key({ requestsPerDay: 1 }, "key_a"));
    await begin(meter, key({ requestsPerDay: 1 }, "key_b"));
    await expect(begin(meter, key({ requestsPerDay: 1 }, "key_a"))).rejects.toThrow("requests per day");
  });

  it("are limited in number at once, and pieces of one count once", async () => {
    const { meter } = setUp();
    const whose = key({ concurrentRequests: 1, requestsPerMinute: 2 });
    const pieces = [await begin(meter, whose, 1, "req_a"), await begin(meter, whose, 1, "req_a")];
    await expect(begin(meter, whose)).rejects.toThrow("concurrent requests: limit 1, in progress 1");
    pieces[0]?.end("done", NOTHING);
    await expect(begin(meter, whose)).rejects.toThrow("concurrent requests");
    pieces[1]?.end("done", NOTHING);
    pieces[1]?.end("done", NOTHING);
    await begin(meter, whose);
  });

  it("that are retried count once", async () => {
    const { meter, noted } = setUp();
    const whose = key({ requestsPerMinute: 1 });
    (await begin(meter, whose, 1, "req_a")).end("failed", NOTHING);
    (await begin(meter, whose, 1, "req_a")).end("done", NOTHING);
    expect(noted.map(({ requests }) => requests)).toEqual([1, 0]);
    await expect(begin(meter, whose)).rejects.toThrow("requests per minute");
  });

  it("that the server refuses cost the key nothing", async () => {
    const { meter, noted, settled } = setUp();
    const whose = key({ requestsPerMinute: 1, tokensPerMinute: 100 });
    (await begin(meter, whose, 100)).end("refused", NOTHING);
    await settled();
    await begin(meter, whose, 100);
    expect(noted).toEqual([{ refusals: 1 }]);
  });
});

describe("tokens", () => {
  it("are reserved by estimate, which is then replaced by the real usage", async () => {
    const { meter, noted, settled } = setUp();
    const whose = key({ tokensPerMinute: 100 });
    const charge = await begin(meter, whose, 80);
    await expect(begin(meter, whose, 30)).rejects.toThrow("tokens per minute: limit 100, used 80, requested about 30");
    charge.end("done", [{ used: { prompt: 20, cached: 5, completion: 10 } }]);
    await settled();
    expect(meter.view(whose, "tokens")).toMatchObject({ limit: 100, remaining: 70 });
    await begin(meter, whose, 70);
    expect(noted.at(-1)).toEqual({
      ...{ requests: 1, promptTokens: 20, cachedTokens: 5, completionTokens: 10, errors: 0 },
      ...{ costNanos: 0, millijoules: 0 },
    });
  });

  it("of a request beyond the whole limit are refused for good", async () => {
    const { meter } = setUp();
    await expect(begin(meter, key({ tokensPerDay: 100 }), 101)).rejects.toThrow(BeyondLimitError);
  });

  it("never exceed the limit unless an estimate was too low", async () => {
    const works = fc.array(
      fc.record({ tokens: fc.integer({ min: 1, max: 60 }), share: fc.double({ min: 0, max: 1, noNaN: true }) }),
    );
    await fc.assert(
      fc.asyncProperty(works, fc.integer({ min: 60, max: 200 }), async (all, limit) => {
        const { meter, settled } = setUp();
        const whose = key({ tokensPerMinute: limit });
        let used = 0;
        for (const { tokens, share } of all) {
          const charge = await begin(meter, whose, tokens).catch(() => undefined);
          const prompt = Math.floor(tokens * share);
          charge?.end("done", [{ used: { prompt, cached: 0, completion: 0 } }]);
          if (charge !== undefined) used += prompt;
          await settled();
          expect(used).toBeLessThanOrEqual(limit);
          expect(meter.view(whose, "tokens")?.remaining).toBe(limit - used);
        }
      }),
      { numRuns: 50 },
    );
  });
});

describe("a budget", () => {
  const NOON = Date.UTC(2026, 10, 29, 12);
  const DAY_MS = 86_400_000;

  /** @param spent in billionths, by the state file */
  function budgeted(spent: (day: string) => number = () => 0) {
    const clock = { nowMs: NOON };
    const now = () => clock.nowMs;
    const { counters, settled } = watch(createCounters({ now }));
    const usage = { add: () => {} };
    const costSince = (_key: string, day: string) => spent(day);
    const meter = createMeter({ counters, usage, costSince, now, random: () => 0 });
    return { meter, clock, settled };
  }

  const work = (money: number) => ({ requestId: `req_${requests++}`, model: "one", tokens: 1, money });
  const end = (charge: Charge, money: number) =>
    charge.end("done", [{ used: { prompt: 1, cached: 0, completion: 0 }, cost: { money } }]);

  it("lets requests in until it is spent, and then says when the day or the month begins", async () => {
    const { meter, clock, settled } = budgeted();
    const whose = key({ budgetPerDay: 1, budgetPerMonth: 1.5 });
    end(await meter.begin(whose, work(0.1)), 0.7);
    await settled();
    expect(meter.view(whose, "money")).toMatchObject({ limit: 1e9, remaining: 0.3e9 });
    end(await meter.begin(whose, work(0.1)), 0.5);
    await settled();
    const refusal: unknown = await meter.begin(whose, work(0)).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(BudgetSpentError);
    expect(refusal).toMatchObject({ message: expect.stringContaining("cost per day: US$1, spent US$1.2. It can be") });
    expect((refusal as BudgetSpentError).retryAfterMs).toBeGreaterThanOrEqual(DAY_MS / 2);
    clock.nowMs += DAY_MS / 2;
    end(await meter.begin(whose, work(0.1)), 0.4);
    await settled();
    const later: unknown = await meter.begin(whose, work(0)).catch((error: unknown) => error);
    expect(later).toMatchObject({ message: expect.stringContaining("cost per month: US$1.5, spent US$1.6") });
    // November's 30th has begun.
    expect((later as BudgetSpentError).retryAfterMs).toBeGreaterThanOrEqual(DAY_MS);
    clock.nowMs += DAY_MS;
    await meter.begin(whose, work(0.1));
  });

  it("counts what is running by its estimate, so that many requests at once exceed it by one at most", async () => {
    const { meter } = budgeted();
    const whose = key({ budgetPerDay: 1 });
    const all = await Promise.allSettled(Array.from({ length: 10 }, () => meter.begin(whose, work(0.4))));
    expect(all.filter(({ status }) => status === "fulfilled")).toHaveLength(3);
  });

  it("knows after a restart what was spent before, by the day and by the month", async () => {
    const { meter } = budgeted((day) => (day === "2026-11-01" ? 5e9 : day === "2026-11-29" ? 1e9 : 0));
    await expect(meter.begin(key({ budgetPerDay: 1 }), work(0))).rejects.toThrow("spent US$1.");
    await expect(meter.begin(key({ budgetPerMonth: 5 }, "key_b"), work(0))).rejects.toThrow("spent US$5.");
    await meter.begin(key({ budgetPerDay: 2, budgetPerMonth: 6 }, "key_c"), work(0));
  });

  it("counts the costs of all models that have worked on a request", async () => {
    const { meter, settled } = budgeted();
    const whose = key({ budgetPerDay: 1 });
    const used = { prompt: 1, cached: 0, completion: 0 };
    const charge = await meter.begin(whose, work(0));
    charge.end("done", [
      { model: "large", used, cost: { money: 0.5 } },
      { model: "small", used, cost: { money: 0.25 } },
    ]);
    await settled();
    expect(meter.view(whose, "money")?.remaining).toBe(0.25e9);
  });
});
