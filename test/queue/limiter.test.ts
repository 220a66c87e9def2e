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

it("begins with all slots, and keeps them while tokens come fast enough", () => {
  const { limiter, run } = createBench();
  run(30, 60);
  expect(limiter.limit).toBe(8);
});

it("takes slots away while tokens are slower than the target, never below the least", () => {
  const { limiter, run } = createBench();
  run(7, 150);
  expect(limiter.limit).toBeLessThan(8);
  run(60, 150);
  expect(limiter.limit).toBe(2);
});

it("takes nothing away for a second or two in which prompts are read", () => {
  const { limiter, run } = createBench();
  for (let time = 0; time < 6; time++) {
    run(2, 130);
    expect(limiter.limit).toBe(8);
    run(8, 50);
    expect(limiter.limit).toBe(8);
  }
});

it("takes nothing away for a single slow token after a quiet minute", () => {
  const { limiter } = createBench();
  limiter.observe(50, 8, 0);
  limiter.observe(3_000, 8, 60_000);
  expect(limiter.limit).toBe(8);
});

it("takes a tenth away at a time, so that many slots don't stay slow for long", () => {
  const { limiter, run } = createBench({ max: 64 });
  run(45, 150);
  expect(limiter.limit).toBeLessThan(32);
});

it("gives nothing back while tokens are only just fast enough, so that it doesn't swing", () => {
  const { limiter, run } = createBench();
  run(7, 150);
  run(10, 90);
  const { limit } = limiter;
  expect(limit).toBeLessThan(8);
  run(60, 90);
  expect(limiter.limit).toBe(limit);
});

it("gives them back one by one when tokens are fast again", () => {
  const { limiter, run } = createBench();
  run(60, 150);
  run(60, 50);
  expect(limiter.limit).toBe(8);
});

it("stays where it is while not all places are taken, and while more run than it allows", () => {
  const { limiter, run } = createBench();
  run(30, 500, 3);
  expect(limiter.limit).toBe(8);
  run(7, 500);
  const { limit } = limiter;
  expect(limit).toBeLessThan(8);
  run(30, 500, 8);
  expect(limiter.limit).toBe(limit);
});

it("is content with twice what one sequence alone takes, since fewer would not be faster", () => {
  const { limiter, run } = createBench({ aloneMs: 200 });
  run(30, 390);
  expect(limiter.limit).toBe(8);
});
