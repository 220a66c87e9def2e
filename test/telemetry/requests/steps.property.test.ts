import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Steps } from "../../../src/telemetry/requests/steps.ts";

describe("the times of an answer's pieces", () => {
  it("are bounded, evenly spread, and true, however many pieces there are", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 20_000 }), (pieces) => {
        const steps = new Steps();
        for (let piece = 0; piece < pieces; piece++) steps.note(3 * piece);
        expect(steps.pieces).toBe(pieces);
        expect(steps.at.length).toBeLessThanOrEqual(512);
        expect(steps.at).toEqual(steps.at.map((_, index) => 30 * index * steps.stride));
        expect(steps.at.length).toBe(Math.ceil(pieces / steps.stride));
      }),
      { numRuns: 50 },
    );
  });

  it("tell the longest pause, and when it ended, also where it is between two times that are dropped", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 1_000 }), { minLength: 1, maxLength: 3_000 }), (gaps) => {
        const steps = new Steps();
        let ms = 0;
        steps.note(ms);
        for (const gap of gaps) {
          ms += gap;
          steps.note(ms);
        }
        const longest = Math.max(...gaps);
        const endsAt = gaps.slice(0, gaps.indexOf(longest) + 1).reduce((sum, gap) => sum + gap, 0);
        expect([steps.longestMs, steps.longestAtMs]).toEqual([longest, endsAt]);
      }),
      { numRuns: 50 },
    );
  });
});
