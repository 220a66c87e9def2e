import { expect, it } from "vitest";
import { createLimiter } from "../../src/queue/limiter.ts";

function createBench({ aloneMs = undefined as number | undefined, max = 8 } = {}) {
  const limiter = createLimiter({ min: 2, max, targetMs: 100, aloneMs: () => aloneMs });
  let nowMs = 0;
  return {
    limiter,
    /** `seconds` of tokens that come `gapMs` apart, while as many sequences run as may, or `running`. */
    run(seconds: number, gapMs: number, running?: number): void {
      for (let token = 0; token < seconds * 50; token++) {
        nowMs += 20;
        limiter.observe(gapMs, running ?? limiter.limit, nowMs);
      }
    },
  };
}

it("begins with all slots, and keeps them while tokens are fast enough", () => {
  const { limiter, run } = createBench();
  run(30, 60);
  expect(limiter.limit).toBe(8);
});

it("lowers the limit while tokens are slower than the target, never below the minimum", () => {
  const { limiter, run } = createBench();
  run(7, 150);
  expect(limiter.limit).toBeLessThan(8);
  run(60, 150);
  expect(limiter.limit).toBe(2);
});

it("keeps the limit during a second or two in which prompts are read", () => {
  const { limiter, run } = createBench();
  for (let time = 0; time < 6; time++) {
    run(2, 130);
    expect(limiter.limit).toBe(8);
    run(8, 50);
    expect(limiter.limit).toBe(8);
  }
});

it("keeps the limit after a single slow token that follows a quiet minute", () => {
  const { limiter } = createBench();
  limiter.observe(50, 8, 0);
  limiter.observe(3_000, 8, 60_000);
  expect(limiter.limit).toBe(8);
});

it("lowers the limit by a tenth at a time, so that many slots don't stay slow for long", () => {
  const { limiter, run } = createBench({ max: 64 });
  run(45, 150);
  expect(limiter.limit).toBeLessThan(32);
});

it("doesn't raise the limit while tokens are only just fast enough, so that it doesn't oscillate", () => {
  const { limiter, run } = createBench();
  run(7, 150);
  run(10, 90);
  const { limit } = limiter;
  expect(limit).toBeLessThan(8);
  run(60, 90);
  expect(limiter.limit).toBe(limit);
});

it("raises the limit one by one when tokens are fast again", () => {
  const { limiter, run } = createBench();
  run(60, 150);
  run(60, 50);
  expect(limiter.limit).toBe(8);
});

it("doesn't move while fewer or more sequences run than it allows", () => {
  const { limiter, run } = createBench();
  run(30, 500, 3);
  expect(limiter.limit).toBe(8);
  run(7, 500);
  const { limit } = limiter;
  expect(limit).toBeLessThan(8);
  run(30, 500, 8);
  expect(limiter.limit).toBe(limit);
});

it("accepts twice the time of a single sequence", () => {
  const { limiter, run } = createBench({ aloneMs: 200 });
  run(30, 390);
  expect(limiter.limit).toBe(8);
});
