import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createPrefillPace, createPrefillShare } from "../../../src/engine/worker/prefill-pace.ts";

describe("the pace of prefill beside decoding sequences", () => {
  test("is a quarter of a chunk before the first measurement", () => {
    expect(createPrefillPace({ chunkTokens: 64, maxTokens: 512, targetMs: 50 }).budgetTokens()).toBe(16);
    expect(createPrefillPace({ chunkTokens: 4, maxTokens: 512, targetMs: 50 }).budgetTokens()).toBe(4);
  });

  test("is as many whole chunks as the machine evaluates in the time", () => {
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

  test("is a part of a chunk if the machine takes too long for a whole one", () => {
    const pace = createPrefillPace({ chunkTokens: 64, maxTokens: 512, targetMs: 50 });
    pace.record(64, 350);
    expect(pace.budgetTokens()).toBe(8);
    pace.record(8, 45);
    expect(pace.budgetTokens()).toBe(8);
  });

  test.each([0.2, 1, 5, 12, 20])(
    "at %s ms per token uses the time, and at most twice of it if possible",
    (msPerToken) => {
      const pace = createPrefillPace({ chunkTokens: 64, maxTokens: 512, targetMs: 50 });
      // Small calls cost more a token.
      const takes = (tokens: number) => 6 + tokens * msPerToken;
      for (let call = 0; call < 30; call++) {
        const tokens = pace.budgetTokens();
        pace.record(tokens, takes(tokens));
      }
      const tookMs = takes(pace.budgetTokens());
      expect(tookMs).toBeLessThanOrEqual(100);
      if (pace.budgetTokens() < 512) expect(tookMs).toBeGreaterThan(25);
    },
  );

  test("takes whole chunks again when the machine is fast again", () => {
    const pace = createPrefillPace({ chunkTokens: 64, maxTokens: 512, targetMs: 50 });
    pace.record(64, 1_200);
    expect(pace.budgetTokens()).toBe(4);
    for (let call = 0; call < 60; call++) {
      const tokens = pace.budgetTokens();
      pace.record(tokens, tokens * 0.5);
    }
    expect(pace.budgetTokens()).toBe(64);
  });

  test("doesn't cut chunks if that saves no time", () => {
    const pace = createPrefillPace({ chunkTokens: 64, maxTokens: 512, targetMs: 50 });
    // A call takes as long however little is in it.
    for (let call = 0; call < 30; call++) pace.record(pace.budgetTokens(), 120);
    expect(pace.budgetTokens()).toBe(64);
  });

  test("ignores the time of a prompt's short last piece", () => {
    const pace = createPrefillPace({ chunkTokens: 64, maxTokens: 512, targetMs: 50 });
    pace.record(64, 15);
    pace.record(1, 12);
    expect(pace.budgetTokens()).toBe(192);
  });

  test("property: is whole chunks or a chunk halved repeatedly, and at most the largest batch if that holds a chunk", () => {
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
          if (budget < chunkTokens) {
            const halves = [1, 2, 3, 4, 5, 6, 7].map((times) => Math.floor(chunkTokens / 2 ** times));
            expect(halves).toContain(budget);
            expect(budget).toBeGreaterThanOrEqual(4);
          } else {
            expect(budget % chunkTokens).toBe(0);
          }
          expect(budget).toBeLessThanOrEqual(chunks * chunkTokens);
        },
      ),
    );
  });
});

describe("the share of the time that prompts may take", () => {
  test("lets sequences decode until they had the rest of the time", () => {
    const share = createPrefillShare(0.75);
    expect(share.mayPrefill()).toBe(true);
    share.prefilled(300);
    expect(share.mayPrefill()).toBe(false);
    share.decoded(60);
    expect(share.mayPrefill()).toBe(false);
    share.decoded(40);
    expect(share.mayPrefill()).toBe(true);
  });

  test("is no limit if it is 1", () => {
    const share = createPrefillShare(1);
    share.prefilled(10_000);
    expect(share.mayPrefill()).toBe(true);
  });

  test("property: however long steps take, prompts are evaluated, and exceed their share by at most one turn", () => {
    const ms = fc.double({ min: 1, max: 1_000, noNaN: true });
    fc.assert(
      fc.property(
        fc.double({ min: 0.05, max: 1, noNaN: true }),
        fc.array(fc.tuple(ms, ms), { minLength: 50, maxLength: 100 }),
        (part, steps) => {
          const share = createPrefillShare(part);
          let prefilledMs = 0;
          let decodedMs = 0;
          let longestMs = 0;
          for (const [decodeMs, prefillMs] of steps) {
            decodedMs += decodeMs;
            share.decoded(decodeMs);
            if (!share.mayPrefill()) continue;
            // What comes after this turn is not known yet, so it is left out.
            expect(prefilledMs).toBeLessThanOrEqual(part * (prefilledMs + decodedMs) + 1e-6);
            prefilledMs += prefillMs;
            longestMs = Math.max(longestMs, prefillMs);
            share.prefilled(prefillMs);
          }
          expect(prefilledMs).toBeGreaterThan(0);
        },
      ),
    );
  });
});
