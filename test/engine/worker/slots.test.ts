import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  chooseSlot,
  commonPrefixLength,
  occupySlot,
  reusableTokens,
  type Slot,
} from "../../../src/engine/worker/slots.ts";

const CHUNK = 4;

function slot(index: number, tokens: readonly number[], fields: Partial<Slot> = {}): Slot {
  return {
    index,
    tokens: [...tokens],
    promptTokens: tokens.length,
    exactTokens: tokens.length,
    lastUsed: 0,
    ...fields,
  };
}

function ask(
  free: readonly Slot[],
  prompt: readonly number[],
  exactness: "exact" | "greedy" | "free" = "free",
  now = 0,
) {
  return chooseSlot({ free, prompt, exactness, chunkTokens: CHUNK, now, slotCount: 4 });
}

const range = (length: number, from = 0) => Array.from({ length }, (_, index) => from + index);

describe("the slot choice", () => {
  test("prefers the slot that begins like the prompt", () => {
    const choice = ask([slot(0, []), slot(1, range(20)), slot(2, range(30, 100))], [...range(20), 7]);
    expect(choice).toMatchObject({ slot: { index: 1 }, keep: 20 });
  });

  test("takes the lowest empty slot where nothing matches, so that running slots stay together", () => {
    expect(ask([slot(1, []), slot(0, []), slot(2, [])], range(5, 50))?.slot.index).toBe(0);
  });

  test("spares a long conversation of late for a short common beginning", () => {
    const conversation = slot(0, range(200), { lastUsed: 10 });
    expect(ask([conversation, slot(1, [])], [...range(10), ...range(20, 500)], "free", 10)?.slot.index).toBe(1);
  });

  test("gives up a conversation that nobody came back to", () => {
    const forgotten = slot(0, range(200), { lastUsed: 10 });
    const fresh = slot(1, range(20, 900), { lastUsed: 70 });
    expect(ask([forgotten, fresh], [...range(10), ...range(20, 500)], "free", 70)?.slot.index).toBe(0);
  });

  test("has nothing to give where no slot is free", () => {
    expect(ask([], range(3))).toBeUndefined();
  });

  test("always leaves a token to evaluate, and keeps nothing that the slot does not hold", () => {
    const tokens = fc.array(fc.nat(2), { maxLength: 30 });
    fc.assert(
      fc.property(
        fc.array(fc.record({ tokens, promptTokens: fc.nat(30), exactTokens: fc.nat(30), lastUsed: fc.nat(9) }), {
          maxLength: 6,
        }),
        fc.array(fc.nat(2), { minLength: 1, maxLength: 30 }),
        fc.constantFrom("exact" as const, "greedy" as const, "free" as const),
        (records, prompt, exactness) => {
          const slots = records.map((record, index) =>
            slot(index, record.tokens, {
              promptTokens: Math.min(record.promptTokens, record.tokens.length),
              exactTokens: Math.min(record.exactTokens, record.tokens.length),
              lastUsed: record.lastUsed,
            }),
          );
          const choice = ask(slots, prompt, exactness, 9);
          if (slots.length === 0) expect(choice).toBeUndefined();
          else {
            const { slot: chosen, keep } = choice ?? { slot: slot(9, []), keep: -1 };
            expect(keep).toBeGreaterThanOrEqual(0);
            expect(keep).toBeLessThan(prompt.length);
            expect(commonPrefixLength(chosen.tokens, prompt)).toBeGreaterThanOrEqual(keep);
            if (exactness === "exact") {
              expect(keep % CHUNK).toBe(0);
              expect(keep).toBeLessThanOrEqual(chosen.exactTokens);
            }
          }
        },
      ),
    );
  });
});

describe("what may be reused", () => {
  const question = { free: [], chunkTokens: CHUNK, now: 0, slotCount: 4 };
  const answered = slot(0, range(20), { promptTokens: 10, exactTokens: 10 });

  test("is everything for an answer that is drawn at random", () => {
    expect(reusableTokens(answered, { ...question, prompt: range(18), exactness: "free" })).toBe(17);
  });

  test("is whole chunks of prompt for a greedy answer, so that it is the same as from scratch", () => {
    expect(reusableTokens(answered, { ...question, prompt: [...range(9), 99], exactness: "greedy" })).toBe(8);
  });

  test("is the last answer too where a greedy conversation goes on", () => {
    expect(reusableTokens(answered, { ...question, prompt: [...range(20), 99], exactness: "greedy" })).toBe(20);
  });

  test("is never what was generated, for a request with a seed", () => {
    expect(reusableTokens(answered, { ...question, prompt: [...range(20), 99], exactness: "exact" })).toBe(8);
  });

  test("counts as exact only where the cut before it was one that a fresh prompt has too", () => {
    const cutInAChunk = slot(0, range(20));
    occupySlot(cutInAChunk, 6, 16, CHUNK, 1);
    expect(cutInAChunk).toMatchObject({ tokens: range(6), promptTokens: 16, exactTokens: 4, lastUsed: 1 });
    const cutAtAChunk = slot(0, range(20));
    occupySlot(cutAtAChunk, 8, 16, CHUNK, 1);
    expect(cutAtAChunk).toMatchObject({ tokens: range(8), promptTokens: 16, exactTokens: 16 });
  });
});
