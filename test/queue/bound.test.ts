import { describe, expect, it } from "vitest";
import { createBound } from "../../src/queue/bound.ts";
import { createReturns } from "../../src/queue/returns.ts";
import { createTenants } from "../../src/queue/tenants.ts";

function createBench({ maxRequests = 16, jitter = 0 } = {}) {
  const bound = createBound({ maxRequests, maxTokens: 1_000_000, random: () => jitter });
  const claim = (tenant: string, mark = "") => ({ tenant, mark, tokens: 10 });
  return {
    bound,
    claim,
    ask: (tenant: string, nowMs: number, mark = "") => bound.ask(claim(tenant, mark), nowMs, false),
    fill(tenant: string, count: number, nowMs = 0) {
      for (let index = 0; index < count; index++) bound.enter(claim(tenant), nowMs);
    },
    leave: (tenant: string, nowMs: number) => bound.leave(claim(tenant), 1_000, nowMs),
  };
}

describe("a refused request", () => {
  it("finds a place held for it when it comes back on time", () => {
    const { bound, claim, ask, fill, leave } = createBench({ maxRequests: 2 });
    fill("a", 2);
    const { departures } = ask("a", 0, "refused");
    const retryMs = bound.refuse(claim("a", "refused"), departures, 0);
    leave("a", retryMs - 1);
    expect(ask("a", retryMs, "another").departures).toBe(1);
    expect(ask("a", retryMs, "refused")).toEqual({ departures: 0, isReturning: true });
  });

  it("finds no place held when it comes back much later", () => {
    const { bound, claim, ask, fill, leave } = createBench({ maxRequests: 2 });
    fill("a", 2);
    const retryMs = bound.refuse(claim("a", "refused"), 1, 0);
    leave("a", retryMs);
    expect(ask("a", retryMs + 10_000, "another").departures).toBe(0);
    expect(ask("a", retryMs + 10_000, "refused").isReturning).toBe(false);
  });

  it("is told a later time than earlier ones, and jitter only makes it later", () => {
    const { bound, claim, fill } = createBench({ maxRequests: 2 });
    const jittered = createBench({ maxRequests: 2, jitter: 0.99 });
    fill("a", 2);
    jittered.fill("a", 2);
    const told = [1, 2, 3].map((mark) => bound.refuse(claim("a", String(mark)), 1, 0));
    const later = [1, 2, 3].map((mark) => jittered.bound.refuse(claim("a", String(mark)), 1, 0));
    expect(told).toEqual(told.toSorted((a, b) => a - b));
    expect(new Set(told).size).toBe(3);
    for (const [index, ms] of later.entries()) expect(ms).toBeGreaterThan(told[index] ?? 0);
  });
});

it("holds at most ten thousand places, however many requests were refused", () => {
  const { bound, claim, fill, leave } = createBench({ maxRequests: 100 });
  fill("a", 100);
  for (let index = 1; index <= 50; index++) leave("a", index / 100);
  for (let index = 0; index < 20_000; index++) bound.refuse(claim("a", `${index}`), 1, 1);
  const { now, later } = bound.heldFor("a", 1);
  expect(now + later).toBe(10_000);
});

it("tells no request to come back later than in a minute, which clients would ignore", () => {
  const { bound, claim, fill } = createBench({ maxRequests: 2, jitter: 0.99 });
  fill("a", 2);
  expect(bound.refuse(claim("a"), 1_000_000, 0)).toBe(59_000);
});

it("follows the departures when they become slower", () => {
  const { bound, fill, leave } = createBench({ maxRequests: 200 });
  fill("a", 200);
  let nowMs = 0;
  for (let index = 0; index < 100; index++) leave("a", nowMs++);
  for (let index = 0; index < 50; index++) {
    nowMs += 1_000;
    leave("a", nowMs);
  }
  expect(bound.intervalMs(nowMs)).toBeCloseTo(1_000, -2);
});

describe("several tenants", () => {
  it("have an eighth of the places reserved for those that have few", () => {
    const { ask, fill } = createBench({ maxRequests: 16 });
    fill("greedy", 14);
    expect(ask("greedy", 0).departures).toBe(0);
    expect(ask("polite", 0).departures).toBe(0);
    expect(ask("greedy", 0).departures).toBe(1);
  });

  it("count as having few with less than a quarter of an equal share", () => {
    const { ask, fill } = createBench({ maxRequests: 64 });
    fill("polite", 4);
    fill("greedy", 52);
    expect(ask("greedy", 0).departures).toBe(1);
    expect(ask("polite", 0).departures).toBe(0);
  });

  it("have no places reserved while there is only one", () => {
    const { ask, fill } = createBench({ maxRequests: 16 });
    fill("a", 15);
    expect(ask("a", 0).departures).toBe(0);
  });

  it("get the next place if they have few, however many requests of others were refused before", () => {
    const { bound, claim, ask, fill } = createBench({ maxRequests: 4 });
    fill("greedy", 4);
    for (let index = 0; index < 100; index++) bound.refuse(claim("greedy", String(index)), 1, 0);
    const { departures } = ask("polite", 0);
    const politeMs = bound.refuse(claim("polite"), departures, 0);
    expect(bound.refuse(claim("greedy"), 1, 0)).toBeGreaterThan(20 * politeMs);
  });
});

describe("places held for refused requests", () => {
  /** Lets `count` requests come back, or not, and returns how many places are held for the next ten. */
  function heldAfter(...outcomes: readonly { readonly count: number; readonly comes: boolean }[]): number {
    const returns = createReturns(1_000);
    let nowMs = 0;
    for (const { count, comes } of outcomes) {
      for (let index = 0; index < count; index++) {
        returns.hold({ tenant: "a", mark: "a" }, nowMs, nowMs + 1);
        if (comes) returns.claim({ tenant: "a", mark: "a" }, nowMs);
        nowMs += 1;
      }
    }
    for (let index = 0; index < 10; index++) returns.hold({ tenant: "a", mark: "a" }, nowMs, nowMs + 1);
    return returns.held(nowMs);
  }

  it("are few when most clients don't come back", () => {
    expect(heldAfter({ count: 300, comes: false })).toBeLessThan(1);
  });

  it("hardly become fewer when a single client didn't come back", () => {
    expect(heldAfter({ count: 300, comes: true }, { count: 1, comes: false })).toBeGreaterThan(9);
  });
});

describe("active tenants", () => {
  it("count until a minute after their last request, and as long as they hold something", () => {
    const tenants = createTenants();
    tenants.see("gone", 0);
    tenants.change("holds", 1, 0);
    tenants.see("a", 59_000);
    expect(tenants.count).toBe(3);
    tenants.see("a", 60_000);
    expect(tenants.count).toBe(2);
    tenants.change("holds", -1, 60_000);
    tenants.see("a", 120_000);
    expect(tenants.count).toBe(1);
  });

  it("are bounded in number, and each holds what it took, however many come at once", () => {
    const tenants = createTenants();
    for (let index = 0; index < 30_000; index++) {
      tenants.change(`${index}`, 1, 0);
      expect(tenants.heldBy(`${index}`)).toBe(1);
      tenants.change(`${index}`, -1, 0);
    }
    expect(tenants.count).toBeLessThanOrEqual(10_000);
    expect(tenants.heldBy("29999")).toBe(0);
    tenants.see("a", 60_000);
    expect(tenants.count).toBe(1);
  });
});
