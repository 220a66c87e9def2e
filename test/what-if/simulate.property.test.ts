import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PRIORITIES } from "../../src/generation/terms.ts";
import { answerWhatIf } from "../../src/what-if/answer.ts";
import type { LoggedRequest, Pace, Setting } from "../../src/what-if/log.ts";
import { quantile, seededRandom } from "../../src/what-if/numbers.ts";
import { simulate } from "../../src/what-if/simulate.ts";

const PACE: Pace = { prefillMs: 1, stepMs: 20, furtherMs: 2, overheadMs: 3 };
const SETTING: Setting = {
  ...{ slots: 2, minSlots: 1, targetItlMs: 250, maxPending: 256, maxPendingTokens: 1_000_000, maxWaitMs: 60_000 },
  ...{ replicas: 1, spill: undefined, traffic: 1 },
};

function logged(own: Partial<LoggedRequest>): LoggedRequest {
  return {
    ...{ atMs: 0, tenant: "one", class: "default", session: "s", promptTokens: 100, prefillTokens: 100 },
    ...{ completionTokens: 11, choices: 1, maxTokens: 50, others: 0, cost: undefined },
    ...{ firstTokenMs: 100, waitMs: 0, prefillMs: 100, decodeMs: 200 },
    ...own,
  };
}

const someRequests = fc
  .array(
    fc.record({
      gapMs: fc.integer({ min: 0, max: 2_000 }),
      tenant: fc.constantFrom("one", "two", "three"),
      class: fc.constantFrom(...PRIORITIES),
      promptTokens: fc.integer({ min: 1, max: 2_000 }),
      held: fc.double({ min: 0, max: 1, noNaN: true }),
      completionTokens: fc.integer({ min: 1, max: 200 }),
      choices: fc.integer({ min: 1, max: 3 }),
    }),
    { minLength: 1, maxLength: 40 },
  )
  .map((requests) => {
    let atMs = 500;
    return requests.map(({ gapMs, held, ...own }, at) => {
      atMs += gapMs;
      return logged({ ...own, atMs, session: `s${at % 5}`, prefillTokens: Math.ceil(own.promptTokens * (1 - held)) });
    });
  });

const someSetting = fc.record({
  slots: fc.integer({ min: 1, max: 8 }),
  replicas: fc.integer({ min: 1, max: 3 }),
  traffic: fc.constantFrom(0.5, 1, 4),
  maxWaitMs: fc.constantFrom(500, 60_000),
  maxPending: fc.constantFrom(3, 256),
  spill: fc.constantFrom(undefined, { afterMs: 1_000, firstTokenMs: 700, promptPrice: 1, completionPrice: 2 }),
});

describe("simulated requests", () => {
  it("take as long as their tokens do where nobody else is there", () => {
    const [one] = simulate([logged({})], SETTING, PACE);
    expect(one).toMatchObject({ type: "answered", firstTokenMs: 103, prefillMs: 100 });
    expect(one?.type === "answered" && one.decodeMs).toBeCloseTo(200, 3);
  });

  it("wait for a slot of their engine", () => {
    const crowd = Array.from({ length: 3 }, (_, at) => logged({ session: String(at) }));
    const first = (setting: Partial<Setting>) =>
      simulate(crowd, { ...SETTING, ...setting }, PACE).map((each) =>
        each.type === "answered" ? each.firstTokenMs : 0,
      );
    // The third begins when one of the others has ended.
    expect(Math.max(...first({ slots: 2 }))).toBeGreaterThan(450);
    // At once, beside the answers of the others.
    expect(Math.max(...first({ slots: 3 }))).toBeLessThan(400);
    // Two engines have two prompts to evaluate at most.
    expect(Math.max(...first({ slots: 2, replicas: 2 }))).toBeLessThan(260);
  });

  it("are all answered, spilled or refused, whatever the setting, and the same each time", () => {
    fc.assert(
      fc.property(someRequests, someSetting, (log, changes) => {
        const setting = { ...SETTING, ...changes };
        const outcomes = simulate(log, setting, PACE);
        expect(outcomes.length).toBe(log.length);
        expect(simulate(log, setting, PACE)).toEqual(outcomes);
        for (const [at, outcome] of outcomes.entries()) {
          if (outcome.type === "spilled") expect(setting.spill).toBeDefined();
          if (outcome.type !== "answered") continue;
          const { prefillTokens, completionTokens, choices } = log[at] ?? logged({});
          const each = Math.max(1, completionTokens / choices) - 1;
          expect(outcome.firstTokenMs).toBeGreaterThanOrEqual(Math.max(1, prefillTokens) * PACE.prefillMs - 0.01);
          expect(outcome.decodeMs).toBeGreaterThanOrEqual(each * PACE.stepMs - 0.01);
        }
        const mayRefuse = setting.maxPending < 256 || setting.maxWaitMs < 60_000;
        if (!mayRefuse && log.length < 20) expect(outcomes.every(({ type }) => type !== "refused")).toBe(true);
      }),
      { numRuns: 60 },
    );
  }, 60_000);

  it("lose their prefix at another engine", () => {
    const turns = Array.from({ length: 20 }, (_, at) =>
      logged({ atMs: 5_000 * at, session: "talk", promptTokens: 1_000, prefillTokens: at === 0 ? 1_000 : 10 }),
    );
    const outcomes = simulate(turns, { ...SETTING, replicas: 4 }, PACE);
    // A session stays where it was.
    expect(outcomes.filter((each) => each.type === "answered" && each.prefillMs > 500).length).toBe(1);
  });

  it("spill once they would be late, at a price", () => {
    const crowd = Array.from({ length: 40 }, (_, at) => logged({ atMs: 10 * at, session: String(at), cost: 0.01 }));
    const spill = { afterMs: 500, firstTokenMs: 700, promptPrice: 10, completionPrice: 100 };
    const { today, changed } = answerWhatIf({ log: crowd, today: SETTING, changed: { ...SETTING, spill } });
    expect(today.spilled).toBe(0);
    expect(changed.spilled).toBeGreaterThan(5);
    expect(changed.p95Ms ?? 0).toBeLessThan(today.p95Ms ?? 0);
    const each = (100 * 10 + 11 * 100) / 1e6;
    expect(changed.cost).toBeCloseTo(changed.spilled * each + changed.answered * 0.01, 9);
  });
});

describe("an engine's pace", () => {
  it("is found from requests that such an engine has answered, so that their waits come out as they were", () => {
    const random = seededRandom(5);
    let atMs = 0;
    const offered = Array.from({ length: 300 }, (_, at) => {
      atMs += -1_500 * Math.log(1 - random());
      const promptTokens = 20 + Math.floor(600 * random());
      return logged({
        ...{ atMs, session: String(at), tenant: `t${at % 3}`, promptTokens, prefillTokens: promptTokens },
        completionTokens: 5 + Math.floor(80 * random()),
      });
    });
    const seen = simulate(offered, SETTING, PACE);
    const log = offered.map((request, at) => {
      const outcome = seen[at];
      if (outcome?.type !== "answered") throw new Error("All of them are answered.");
      const { firstTokenMs, prefillMs, decodeMs } = outcome;
      return {
        ...request,
        firstTokenMs,
        prefillMs,
        decodeMs,
        waitMs: firstTokenMs - prefillMs - PACE.overheadMs,
        others: 0.8,
      };
    });
    const { errors, measured, today } = answerWhatIf({ log, today: SETTING, changed: SETTING });
    expect(measured.p50Ms).toBeCloseTo(
      quantile(
        log.map(({ firstTokenMs }) => firstTokenMs),
        0.5,
      ),
      6,
    );
    expect(Math.abs(errors.p50 ?? 1)).toBeLessThan(0.1);
    expect(Math.abs(errors.p95 ?? 1)).toBeLessThan(0.15);
    expect(today.answered).toBe(300);
  });

  it("is usable whatever was measured", () => {
    fc.assert(
      fc.property(
        someRequests,
        fc.array(fc.double({ min: 0, max: 5_000, noNaN: true }), { minLength: 4, maxLength: 4 }),
        (requests, [firstTokenMs = 0, prefillMs = 0, decodeMs = 0, others = 0]) => {
          const log = requests.map((request) => ({ ...request, firstTokenMs, prefillMs, decodeMs, others }));
          const { pace, changed } = answerWhatIf({ log, today: SETTING, changed: SETTING });
          for (const value of Object.values(pace)) expect(value).toBeGreaterThanOrEqual(0);
          expect(changed.answered + changed.refused).toBe(log.length);
        },
      ),
      { numRuns: 20 },
    );
  }, 60_000);
});
