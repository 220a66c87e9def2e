import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Candidate, chooseDrafts, DRAFT_LENGTHS, MARGIN } from "../../../../src/engine/worker/drafts/choice.ts";

/** A candidate whose predictions are right with the same probability in each place. */
function candidate(available: number, probability: number): Candidate {
  return {
    available,
    expect: (length) => Array.from({ length }, (_, place) => probability ** (place + 1)).reduce((a, b) => a + b, 0),
  };
}

/** A machine on which each call takes `fixed` and each token takes `each`. */
const linear = (fixed: number, each: number) => ({
  plainMs: (sequences: number) => (sequences === 0 ? 0 : fixed + each * sequences),
  draftMs: (tokens: number) => fixed + each * tokens,
});

const GPU = linear(20, 0.1);
const PROPORTIONAL = linear(0, 10);

describe("the choice of drafts", () => {
  test("never makes a draft that loses by its own estimate, or that doesn't fit", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(20), fc.double({ min: 0, max: 1, noNaN: true })), { maxLength: 8 }),
        fc.nat(4),
        fc.tuple(fc.double({ min: 0, max: 100, noNaN: true }), fc.double({ min: 0.01, max: 100, noNaN: true })),
        fc.integer({ min: 8, max: 128 }),
        (given, others, [fixed, each], maxBatchTokens) => {
          const candidates = given.map(([available, probability]) => candidate(available, probability));
          const sequences = candidates.length + others;
          const costs = linear(fixed, each);
          const { length, drafting } = chooseDrafts(candidates, sequences, costs, maxBatchTokens);
          expect(drafting.length > 0).toBe(length > 0);
          if (length === 0) return;
          expect(DRAFT_LENGTHS).toContain(length);
          expect(new Set(drafting).size).toBe(drafting.length);
          for (const { available } of drafting) expect(available).toBeGreaterThanOrEqual(length);
          const callTokens = drafting.length * (length + 1);
          expect(callTokens).toBeLessThanOrEqual(maxBatchTokens);
          const tokens = drafting.reduce((sum, { expect: expected }) => sum + expected(length), sequences);
          const ms = costs.plainMs(sequences - drafting.length) + costs.draftMs(callTokens);
          expect(tokens / ms).toBeGreaterThan((MARGIN * sequences) / costs.plainMs(sequences));
        },
      ),
    );
  });

  test("is the longest draft where more tokens cost nearly nothing and predictions are right", () => {
    expect(chooseDrafts([candidate(15, 0.99)], 1, GPU, 128).length).toBe(15);
  });

  test("is a short draft where predictions are often wrong", () => {
    expect(chooseDrafts([candidate(15, 0.3)], 1, linear(20, 1), 128).length).toBe(1);
  });

  test("is no draft where each token costs as much as the first", () => {
    expect(chooseDrafts([candidate(15, 1)], 1, PROPORTIONAL, 128)).toMatchObject({ length: 0, drafting: [] });
  });

  test("gives drafts to those sequences only whose predictions are good", () => {
    const [good, bad] = [candidate(15, 0.95), candidate(15, 0.05)];
    expect(chooseDrafts([bad, good], 4, linear(20, 1), 128).drafting).toEqual([good]);
  });

  test("counts the delay of the other sequences", () => {
    const alone = chooseDrafts([candidate(3, 0.9)], 1, GPU, 128);
    const beside = chooseDrafts([candidate(3, 0.9)], 8, GPU, 128);
    expect([alone.length, beside.length]).toEqual([3, 0]);
  });

  test("gives drafts to all sequences in one call if that pays", () => {
    const all = Array.from({ length: 8 }, () => candidate(15, 0.9));
    expect(chooseDrafts(all, 8, GPU, 128)).toMatchObject({ length: 15, drafting: all });
  });
});
