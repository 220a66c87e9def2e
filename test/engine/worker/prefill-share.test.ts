import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createPrefillShare } from "../../../src/engine/worker/prefill-pace.ts";

describe("the share of the time that prompts may take", () => {
  test("lets sequences decode until they had the rest of it", () => {
    const share = createPrefillShare(0.75);
    expect(share.mayPrefill()).toBe(true);
    share.prefilled(300);
    expect(share.mayPrefill()).toBe(false);
    share.decoded(60);
    expect(share.mayPrefill()).toBe(false);
    share.decoded(40);
    expect(share.mayPrefill()).toBe(true);
  });

  test("is no bound where it is all", () => {
    const share = createPrefillShare(1);
    share.prefilled(10_000);
    expect(share.mayPrefill()).toBe(true);
  });

  test("property: whatever steps take, prompts have their turns, and over time no more than the share and one turn", () => {
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
