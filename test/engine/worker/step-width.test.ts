import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Work } from "../../../src/engine/worker/plan.ts";
import { createSequence } from "../../../src/engine/worker/sequence.ts";
import { createStepWidth } from "../../../src/engine/worker/step-width.ts";
import { sequenceRequest, tokenizer } from "./fake-backend.ts";

function stepOf(sequences: number): readonly Work[] {
  return Array.from({ length: sequences }, (_, index) => ({
    sequence: createSequence(sequenceRequest(index), [1, 2], tokenizer),
    slot: { index, tokens: [1], promptTokens: 1, exactTokens: 1, headTokens: 0, lastUsed: 0 },
    tokens: [2],
    wantLogits: true,
  }));
}

/** Splits and measures some steps on a machine whose calls take so long. Returns the widths of the last one's calls. */
function settled(sequences: number, maxMs: number, msOf: (width: number) => number): readonly number[] {
  const width = createStepWidth();
  let widths: number[] = [];
  for (let step = 0; step < 20; step++) {
    widths = width.split(stepOf(sequences), maxMs).map((call) => call.length);
    for (const each of widths) width.record(each, msOf(each));
  }
  return widths;
}

describe("the calls of a step", () => {
  test("are one as long as nothing was measured, and where there is no bound", () => {
    expect(settled(8, Number.POSITIVE_INFINITY, (width) => 10 * width)).toEqual([8]);
    expect(createStepWidth().split(stepOf(5), 0)).toHaveLength(1);
  });

  test("are as short as they must be", () => {
    expect(settled(8, 45, (width) => 10 * width)).toEqual([4, 4]);
    expect(settled(8, 25, (width) => 10 * width)).toEqual([2, 2, 2, 2]);
    expect(settled(7, 1, (width) => 10 * width)).toEqual([1, 1, 1, 1, 1, 1, 1]);
  });

  test("are not divided where their time doesn't depend on their number", () => {
    const widths = settled(8, 10, (width) => 20 + width / 10);
    expect(widths.length).toBeLessThanOrEqual(2);
  });

  test("have each sequence once, in its order", () => {
    const times = fc.array(fc.tuple(fc.integer({ min: 1, max: 12 }), fc.nat(200)), { maxLength: 10 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 12 }), fc.nat(100), times, (sequences, maxMs, measured) => {
        const width = createStepWidth();
        for (const [count, ms] of measured) width.record(count, ms);
        const step = stepOf(sequences);
        expect(width.split(step, maxMs).flat()).toEqual(step);
      }),
    );
  });
});
