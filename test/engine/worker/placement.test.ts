import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { choosePlacement, type PlacementQuestion, type Slot } from "../../../src/engine/worker/placement.ts";
import { commonPrefixLength } from "../../../src/engine/worker/prefix.ts";
import type { StoredPrefix } from "../../../src/engine/worker/prefix-store.ts";

const CHUNK = 4;

const range = (length: number, from = 0) => Array.from({ length }, (_, index) => from + index);

function slot(index: number, tokens: readonly number[], lastUsed = 0): Slot {
  return {
    index,
    tokens: [...tokens],
    promptTokens: tokens.length,
    exactTokens: tokens.length,
    headTokens: 0,
    lastUsed,
  };
}

function stored(tokens: readonly number[]): StoredPrefix {
  return {
    tokens,
    promptTokens: tokens.length,
    exactTokens: tokens.length,
    headTokens: 0,
    path: "a file",
    sizeBytes: 1,
  };
}

function place(prompt: readonly number[], slots: readonly Slot[], rest: Partial<PlacementQuestion> = {}) {
  return choosePlacement({
    prompt: { tokens: prompt, exactness: "free", headTokens: 0 },
    slots,
    free: slots,
    stored: [],
    storing: false,
    chunkTokens: CHUNK,
    now: 0,
    ...rest,
  });
}

describe("the placement of a sequence", () => {
  test("prefers the slot that begins like the prompt", () => {
    const placement = place([...range(20), 7], [slot(0, []), slot(1, range(20)), slot(2, range(30, 100))]);
    expect(placement).toMatchObject({ slot: { index: 1 }, keep: 20, source: { type: "slot itself" } });
  });

  test("takes the lowest empty slot if no prefix matches, so that running slots stay adjacent", () => {
    expect(place(range(5, 50), [slot(1, []), slot(0, []), slot(2, [])])?.slot.index).toBe(0);
  });

  test("copies the beginning from a slot that is running", () => {
    const running = slot(0, range(100));
    const free = slot(1, []);
    const placement = place([...range(80), 7, 7], [running, free], { free: [free] });
    expect(placement).toMatchObject({
      slot: { index: 1 },
      keep: 80,
      source: { type: "other slot", slot: { index: 0 } },
    });
  });

  test("copies the prefix instead of overwriting a conversation that may continue", () => {
    const conversation = slot(0, range(200), 10);
    const placement = place([...range(100), ...range(20, 500)], [conversation, slot(1, [])], { now: 10 });
    expect(placement).toMatchObject({ slot: { index: 1 }, keep: 100, source: { type: "other slot" } });
  });

  test("does not copy a long conversation for a few tokens", () => {
    const conversation = slot(0, range(4000), 10);
    const placement = place([...range(20), ...range(20, 9000)], [conversation, slot(1, [])], { now: 10 });
    expect(placement).toMatchObject({ slot: { index: 1 }, keep: 0, source: { type: "slot itself" } });
  });

  test("loads a stored prefix", () => {
    const placement = place([...range(150), 7], [slot(0, range(40, 500))], {
      stored: [stored(range(150))],
      storing: true,
    });
    expect(placement).toMatchObject({ keep: 150, source: { type: "stored" } });
  });

  test("overwrites an old conversation rather than a recent one", () => {
    const forgotten = slot(0, range(200), 10);
    const fresh = slot(1, range(200, 900), 70);
    expect(place(range(20, 500), [forgotten, fresh], { now: 70 })?.slot.index).toBe(0);
  });

  test("is undefined if no slot is free", () => {
    expect(place(range(3), [slot(0, range(3))], { free: [] })).toBeUndefined();
  });

  test("always takes a free slot, leaves a token to evaluate, and keeps only tokens that the source holds", () => {
    const tokens = fc.array(fc.nat(2), { maxLength: 30 });
    const record = fc.record({ tokens, lastUsed: fc.nat(9), isFree: fc.boolean() });
    fc.assert(
      fc.property(
        fc.array(record, { minLength: 1, maxLength: 6 }),
        fc.array(tokens, { maxLength: 3 }),
        fc.array(fc.nat(2), { minLength: 1, maxLength: 30 }),
        fc.boolean(),
        (records, storedTokens, prompt, storing) => {
          const slots = records.map((each, index) => slot(index, each.tokens, each.lastUsed));
          const free = slots.filter((_, index) => records[index]?.isFree);
          const placement = place(prompt, slots, { free, stored: storedTokens.map(stored), storing, now: 9 });
          expect(placement === undefined).toBe(free.length === 0);
          if (placement === undefined) return;
          const { source, keep } = placement;
          expect(free).toContain(placement.slot);
          expect(keep).toBeLessThan(prompt.length);
          const held =
            source.type === "stored" ? source.prefix : source.type === "other slot" ? source.slot : placement.slot;
          expect(source.type === "other slot" && source.slot === placement.slot).toBe(false);
          expect(commonPrefixLength(held.tokens, prompt)).toBeGreaterThanOrEqual(keep);
        },
      ),
    );
  });
});
