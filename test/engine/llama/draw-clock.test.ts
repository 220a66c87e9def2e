import { describe, expect, it } from "vitest";
import { createDrawBudget, createDrawClock } from "../../../src/engine/llama/draw-clock.ts";

/** A time that the test moves: the wall's, and this process's share of it. */
function createTime() {
  const time = { wall: 1_000, cpu: 50 };
  const pass = (ms: number, cpuMs = ms) => {
    time.wall += ms;
    time.cpu += cpuMs;
  };
  return { source: { now: () => time.wall, cpu: () => time.cpu }, pass };
}

describe("the time of a draw", () => {
  it("is that since the call before it ended, not since it was asked for", async () => {
    const { source, pass } = createTime();
    const clock = createDrawClock(source);
    const first = Promise.withResolvers<void>();
    const second = Promise.withResolvers<void>();
    const asked = [clock.measure(() => first.promise), clock.measure(() => second.promise)];
    pass(300);
    clock.mark();
    pass(20);
    first.resolve();
    expect((await asked[0])?.ms).toBe(20);
    pass(7);
    second.resolve();
    expect((await asked[1])?.ms).toBe(7);
  });

  it("is not that in which this process had no core", async () => {
    const { source, pass } = createTime();
    const { ms } = await createDrawClock(source).measure(async () => pass(5_000, 3));
    expect(ms).toBe(3);
  });
});

describe("the budget for draws", () => {
  it("is two seconds for one", () => {
    const { spend } = createDrawBudget();
    expect(spend(1_900)).toBeUndefined();
    expect(spend(2_100)).toContain("2100 ms for one token");
  });

  it("is ten seconds for all beyond what is usual", () => {
    const { spend } = createDrawBudget();
    expect(Array.from({ length: 1_000 }, () => spend(200)).every((fault) => fault === undefined)).toBe(true);
    const slow = Array.from({ length: 10 }, () => spend(1_500));
    expect(slow.findIndex((fault) => fault !== undefined)).toBe(8);
  });
});
