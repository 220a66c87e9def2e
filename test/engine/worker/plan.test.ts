import fc from "fast-check";
import { expect, test } from "vitest";
import { cutBefore } from "../../../src/engine/contract/cuts.ts";
import { canWait, type Plan, plan, type Work } from "../../../src/engine/worker/plan.ts";
import { NOBODY_SERVED } from "../../../src/engine/worker/prefill-order.ts";
import { acceptToken, createSequence, type Sequence } from "../../../src/engine/worker/sequence.ts";
import { PLAIN_SAMPLING } from "../../../src/generation/sampling.ts";
import { PRIORITIES } from "../../../src/generation/terms.ts";
import { sequenceRequest, tokenizer } from "./fake-backend.ts";

const CHUNK = 64;

const given = fc.record({
  tenant: fc.constantFrom("a", "b", "c"),
  priority: fc.constantFrom(...PRIORITIES),
  promptTokens: fc.integer({ min: 1, max: 300 }),
  /** Of its prompt, what its slot holds already, in thousandths. */
  held: fc.nat(999),
  headTokens: fc.constantFrom(0, 20, 100),
  exactness: fc.constantFrom("exact", "greedy", "free"),
});
type Given = typeof given extends fc.Arbitrary<infer T> ? T : never;

/** Sequences in slots that are taken from the last one on. */
function place(all: readonly Given[]): Sequence[] {
  return all.map(({ tenant, priority, promptTokens, held, headTokens, exactness }, index) => {
    const prompt = Array.from({ length: promptTokens }, (_, position) => position);
    const sampling = { ...PLAIN_SAMPLING, temperature: exactness === "free" ? 1 : 0, seed: 1 };
    const request = sequenceRequest(index, { tenant, priority, sampling, reproducible: exactness === "exact" });
    const sequence = createSequence(request, prompt, tokenizer, headTokens < promptTokens ? headTokens : 0);
    const shared = Math.floor((promptTokens * held) / 1000);
    const kept =
      exactness === "free" ? shared : cutBefore({ tokens: prompt, headTokens: sequence.headTokens }, shared, CHUNK);
    sequence.slot = {
      index: all.length - index,
      tokens: prompt.slice(0, kept),
      ...{ promptTokens, exactTokens: promptTokens, headTokens: sequence.headTokens, lastUsed: 0 },
    };
    return sequence;
  });
}

/** What a scheduler does with a plan, without a context. */
function run({ work }: Plan): void {
  for (const { sequence, slot, tokens, wantLogits } of work) {
    slot.tokens.push(...tokens);
    if (wantLogits) acceptToken(sequence, 7, undefined, tokenizer, 100_000);
  }
}

const isDecoding = ({ slot, prefill }: Sequence) => (slot?.tokens.length ?? 0) >= prefill.length;

test("property: a decode has one token of each sequence whose prompt is evaluated, in ascending slot order", () => {
  fc.assert(
    fc.property(
      fc.array(given, { maxLength: 8 }),
      fc.array(fc.integer({ min: 1, max: 500 }), { maxLength: 20 }),
      (all, turns) => {
        const running = place(all);
        let order = NOBODY_SERVED;
        for (const turn of turns) {
          const next = plan({ running, turn, order, chunkTokens: CHUNK });
          run(next);
          order = next.order;
        }
        const { work } = plan({ running, turn: "decode", order, chunkTokens: CHUNK });
        expect(new Set(work.map(({ sequence }) => sequence))).toEqual(new Set(running.filter(isDecoding)));
        for (const { sequence, tokens } of work) expect(tokens).toEqual(sequence.output.slice(-1));
        expect(work.map(({ slot }) => slot.index)).toEqual(
          work.map(({ slot }) => slot.index).toSorted((a, b) => a - b),
        );
      },
    ),
  );
});

test("property: every prompt is evaluated completely, each token once, with the right cuts and within the budget", () => {
  fc.assert(
    fc.property(
      fc.array(given, { maxLength: 8 }),
      fc.infiniteStream(fc.integer({ min: 1, max: 500 })),
      (all, turns) => {
        const running = place(all);
        const held = new Map(running.map((sequence) => [sequence, sequence.slot?.tokens.length ?? 0]));
        const pieces: Work[] = [];
        let order = NOBODY_SERVED;
        for (const turn of turns) {
          const next = plan({ running, turn, order, chunkTokens: CHUNK });
          const [work] = next.work;
          if (work === undefined) break;
          expect(next.work).toHaveLength(1);
          const { sequence, slot, tokens, wantLogits, isOffCut } = work;
          expect(tokens).toEqual(sequence.prefill.slice(slot.tokens.length, slot.tokens.length + tokens.length));
          expect(tokens.length).toBeLessThanOrEqual(Math.max(turn, CHUNK * 1.5));
          if (sequence.exactness === "free" && turn < CHUNK) expect(tokens.length).toBeLessThanOrEqual(turn);
          if (sequence.exactness !== "free") {
            const prompt = { tokens: sequence.prefill, headTokens: sequence.headTokens };
            expect(cutBefore(prompt, slot.tokens.length, CHUNK)).toBe(slot.tokens.length);
            expect(isOffCut).toBe(false);
          }
          expect(wantLogits).toBe(slot.tokens.length + tokens.length === sequence.prefill.length);
          pieces.push(work);
          run(next);
          order = next.order;
        }
        for (const sequence of running) {
          const evaluated = pieces.flatMap((piece) => (piece.sequence === sequence ? piece.tokens : []));
          expect(evaluated).toEqual(sequence.prefill.slice(held.get(sequence)));
        }
      },
    ),
  );
});

test("property: planning changes no state, and the same situation gives the same plan", () => {
  fc.assert(
    fc.property(
      fc.array(given, { maxLength: 8 }),
      fc.oneof(fc.constant("decode" as const), fc.nat(500)),
      (all, turn) => {
        const running = place(all).filter((sequence) => turn !== "decode" || !isDecoding(sequence));
        const before = structuredClone(running.map(({ slot, output }) => ({ slot, output })));
        const situation = { running, turn, order: NOBODY_SERVED, chunkTokens: CHUNK };
        expect(plan(situation)).toEqual(plan(situation));
        expect(running.map(({ slot, output }) => ({ slot, output }))).toEqual(before);
        expect(NOBODY_SERVED).toEqual({ shares: { given: new Map(), clock: 0 }, turns: new Map(), chunks: 0 });
      },
    ),
  );
});

test("no prompt is evaluated once the budget is used up", () => {
  const running = place([
    { tenant: "a", priority: "default", promptTokens: 9, held: 0, headTokens: 0, exactness: "free" },
  ]);
  expect(plan({ running, turn: 0, order: NOBODY_SERVED, chunkTokens: CHUNK })).toEqual({
    work: [],
    order: NOBODY_SERVED,
  });
});

test("only prompts of class batch can wait", () => {
  const one = (priority: (typeof PRIORITIES)[number]): Given => ({
    ...{ tenant: "a", promptTokens: 9, held: 0, headTokens: 0, exactness: "free", priority },
  });
  expect(canWait([])).toBe(true);
  expect(canWait(place([one("batch"), one("batch")]))).toBe(true);
  expect(canWait(place([one("batch"), one("default")]))).toBe(false);
});
