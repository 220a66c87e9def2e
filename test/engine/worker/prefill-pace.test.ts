import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createPrefillPace } from "../../../src/engine/worker/prefill-pace.ts";

describe("the pace of prefill beside decoding sequences", () => {
  test("is one chunk until a chunk was timed", () => {
    expect(createPrefillPace({ chunkTokens: 64, maxTokens: 512, targetMs: 50 }).budgetTokens()).toBe(64);
  });

  test("is as many whole chunks as the machine reads in the time", () => {
    const pace = createPrefillPace({ chunkTokens: 64, maxTokens: 512, targetMs: 50 });
    pace.record(64, 15);
    expect(pace.budgetTokens()).toBe(192);
  });

  test("follows a machine that slows down", () => {
    const pace = createPrefillPace({ chunkTokens: 64, maxTokens: 512, targetMs: 50 });
    pace.record(64, 5);
    expect(pace.budgetTokens()).toBe(512);
    for (let call = 0; call < 20; call++) pace.record(512, 400);
    expect(pace.budgetTokens()).toBe(64);
  });

  test("learns nothing from a prompt's short last piece", () => {
    const pace = createPrefillPace({ chunkTokens: 64, maxTokens: 512, targetMs: 50 });
    pace.record(64, 15);
    pace.record(1, 12);
    expect(pace.budgetTokens()).toBe(192);
  });

  test("property: whole chunks, one at least, never more than the largest batch where that holds a chunk", () => {
    const positive = (max: number) => fc.double({ min: 0.001, max, noNaN: true });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 512 }),
        fc.integer({ min: 1, max: 16 }),
        positive(10_000),
        fc.array(fc.tuple(fc.integer({ min: 1, max: 4096 }), positive(100_000))),
        (chunkTokens, chunks, targetMs, calls) => {
          const pace = createPrefillPace({ chunkTokens, maxTokens: chunks * chunkTokens, targetMs });
          for (const [tokens, ms] of calls) pace.record(tokens, ms);
          const budget = pace.budgetTokens();
          expect(budget % chunkTokens).toBe(0);
          expect(budget).toBeGreaterThanOrEqual(chunkTokens);
          expect(budget).toBeLessThanOrEqual(chunks * chunkTokens);
        },
      ),
    );
  });
});
