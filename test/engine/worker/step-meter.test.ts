import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createStepTotals } from "../../../src/engine/host/step-totals.ts";
import { createSequence, type Sequence } from "../../../src/engine/worker/sequence.ts";
import { createStepMeter } from "../../../src/engine/worker/step-meter.ts";
import { STEP_SECONDS, STEP_SEQUENCES } from "../../../src/generation/step-counts.ts";
import { sequenceRequest, tokenizer } from "./fake-backend.ts";

/** A sequence whose prompt was evaluated at a time. */
function sequenceSince(ms: number): Sequence {
  const sequence = createSequence(sequenceRequest(1), [1, 2], tokenizer);
  sequence.output.push(7);
  sequence.prefilledAt = ms;
  return sequence;
}

const total = ({ counts }: { readonly counts: readonly number[] }) => counts.reduce((sum, count) => sum + count, 0);

describe("the meter of steps", () => {
  it("counts nothing before the first step", () => {
    expect(createStepMeter().take()).toBeUndefined();
  });

  it("measures from token to token of each sequence, the first from the end of its prompt", () => {
    const meter = createStepMeter();
    const [old, young] = [sequenceSince(100), sequenceSince(140)];
    old.output.push(7);
    meter.decoded([old], 110, 130);
    old.output.push(7);
    young.output.push(7);
    meter.decoded([old, young], 140, 150);
    const steps = meter.take();
    expect(steps?.betweenTokens.sum).toBeCloseTo(0.03 + 0.02 + 0.01);
    expect(steps?.decodes.sum).toBeCloseTo(0.02 + 0.01);
    expect(steps?.sequences).toMatchObject({ sum: 3 });
    expect(meter.take()).toBeUndefined();
  });

  it("shares the time of a step among the tokens of a draft", () => {
    const meter = createStepMeter();
    const sequence = sequenceSince(0);
    sequence.output.push(7);
    meter.decoded([sequence], 0, 10);
    sequence.output.push(7, 7, 7, 7);
    meter.decoded([sequence], 10, 50);
    const steps = meter.take();
    expect(steps && total(steps.betweenTokens)).toBe(5);
    expect(steps?.betweenTokens.counts[STEP_SECONDS.indexOf(0.01)]).toBe(5);
  });

  it("tells where prefixes were found", () => {
    const meter = createStepMeter();
    meter.reused(10, "slot");
    meter.reused(3, "file");
    meter.reused(1, "slot");
    expect(meter.take()?.reused).toEqual({ slot: 11, file: 3 });
  });

  it("loses nothing, however often it is read", () => {
    const steps = fc.array(
      fc.record({ ms: fc.nat(10_000), sequences: fc.integer({ min: 1, max: 200 }), isRead: fc.boolean() }),
    );
    fc.assert(
      fc.property(steps, (all) => {
        const meter = createStepMeter();
        const totals = createStepTotals();
        const read = () => {
          const taken = meter.take();
          if (taken !== undefined) totals.add(taken);
        };
        let ms = 0;
        for (const step of all) {
          const sequences = Array.from({ length: step.sequences }, () => sequenceSince(ms));
          meter.decoded(sequences, ms, ms + step.ms);
          meter.prefilled(step.ms);
          ms += step.ms;
          if (step.isRead) read();
        }
        read();
        const counted = totals.total();
        if (counted === undefined) {
          expect(all).toEqual([]);
          return;
        }
        const tokens = all.reduce((sum, { sequences }) => sum + sequences, 0);
        expect([total(counted.decodes), total(counted.prefills)]).toEqual([all.length, all.length]);
        expect([total(counted.betweenTokens), counted.sequences.sum]).toEqual([tokens, tokens]);
        expect(counted.decodes.sum).toBeCloseTo(ms / 1_000, 3);
        expect(counted.sequences.counts).toHaveLength(STEP_SEQUENCES.length + 1);
      }),
    );
  });
});
