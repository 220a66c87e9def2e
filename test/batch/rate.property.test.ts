import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createRate, type Rate } from "../../src/batch/rate.ts";

type Batch = {
  /** How long each line takes in a slot, in ms. */
  readonly lengths: readonly number[];
  readonly slots: number;
  /** Nothing goes on while this is true. */
  readonly isPaused?: (nowMs: number) => boolean;
};

/** What it told at a moment, and what was true. */
type Told = { readonly part: number; readonly seconds: number | undefined; readonly trueSeconds: number };

const TICK_MS = 10;
const ASK_EVERY_TICKS = 8;

/** Runs a batch as the gateway does: one request more is under way than there are slots. Asks again and again when it will be done. */
function simulate({ lengths, slots, isPaused = () => false }: Batch): readonly Told[] {
  let nowMs = 0;
  const rate: Rate = createRate(0, undefined, () => nowMs);
  const told: { readonly atMs: number; readonly seconds: number | undefined }[] = [];
  const underWay: { readonly line: number; leftMs: number }[] = [];
  let begun = 0;
  let done = 0;
  while (done < lengths.length) {
    while (begun < lengths.length && underWay.length <= slots) {
      underWay.push({ line: begun, leftMs: lengths[begun] ?? 0 });
      rate.began(begun++);
    }
    nowMs += TICK_MS;
    for (const each of isPaused(nowMs) ? [] : underWay.slice(0, slots)) each.leftMs -= TICK_MS;
    const ended = underWay.filter(({ leftMs }) => leftMs <= 0);
    for (const each of ended) {
      underWay.splice(underWay.indexOf(each), 1);
      rate.ended(each.line);
    }
    done += ended.length;
    if (ended.length > 0) rate.note(done);
    if (nowMs % (ASK_EVERY_TICKS * TICK_MS) === 0) {
      told.push({ atMs: nowMs, seconds: rate.secondsLeft(lengths.length) });
    }
  }
  return told.map(({ atMs, seconds }) => ({ part: atMs / nowMs, seconds, trueSeconds: (nowMs - atMs) / 1000 }));
}

function expectTrueWithinAThird(told: readonly Told[]): void {
  for (const { part, seconds, trueSeconds } of told) {
    if (part < 0.25 || part > 0.75) continue;
    const off = Math.abs((seconds ?? Number.POSITIVE_INFINITY) - trueSeconds);
    expect(off, `at ${part}: ${seconds} s, not ${trueSeconds} s`).toBeLessThanOrEqual(trueSeconds / 3);
  }
}

/** The same random numbers from 0 to 1 for the same seed. */
function randomBy(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

/** Which chats, of half a second each, leave it half of the time. */
const besideChats = (nowMs: number) => nowMs % 1_000 < 500;

describe("when a batch will be done", () => {
  it("is told within a third from its first quarter to its last, for lines that begin and end together", () => {
    const batch = fc.record({
      slots: fc.integer({ min: 1, max: 8 }),
      more: fc.nat(6),
      ms: fc.integer({ min: 20, max: 40 }),
    });
    fc.assert(
      fc.property(batch, ({ slots, more, ms }) => {
        const rounds = Math.max(4, Math.ceil(24 / slots)) + more;
        expectTrueWithinAThird(simulate({ slots, lengths: Array(slots * rounds).fill(ms * TICK_MS) }));
      }),
      { numRuns: 25 },
    );
  });

  const seeds = [1, 2, 3].map((seed) => seed * 7_919);
  const places = [1, 4, 8].flatMap((slots) => seeds.map((seed) => ({ slots, seed })));

  it.each(places)("is told within a third for hundreds of lines of mixed length: $slots slots, seed $seed", (place) => {
    const random = randomBy(place.seed);
    const lengths = Array.from({ length: 400 }, () => (0.2 + 1.6 * random()) * 200);
    expectTrueWithinAThird(simulate({ slots: place.slots, lengths }));
    expectTrueWithinAThird(simulate({ slots: place.slots, lengths, isPaused: besideChats }));
  });

  it.each(places)(
    "is told within a third if the cache answers half of the lines: $slots slots, seed $seed",
    (place) => {
      const random = randomBy(place.seed);
      const lengths = Array.from({ length: 600 }, () => (random() < 0.5 ? TICK_MS : 200));
      expectTrueWithinAThird(simulate({ slots: place.slots, lengths }));
    },
  );

  it("moves away while nothing goes on", () => {
    const told = simulate({
      slots: 4,
      lengths: Array(40).fill(400),
      isPaused: (nowMs) => nowMs > 1_700 && nowMs < 20_000,
    });
    const at = (ms: number) => told[Math.floor(ms / (ASK_EVERY_TICKS * TICK_MS))]?.seconds ?? 0;
    expect(at(9_000)).toBeGreaterThan(2 * at(1_600));
    expect(at(18_000)).toBeGreaterThan(1.5 * at(9_000));
  });
});

describe("the rate of a batch", () => {
  it("is told within a third for lines of mixed length, one after another, at a load that changes once", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1_000_000 }), fc.integer({ min: 1, max: 4 }), (seed, slowdown) => {
        const next = randomBy(seed);
        let nowMs = 0;
        const rate = createRate(0, undefined, () => nowMs);
        const total = 2_000;
        let told = { atMs: 0, seconds: 0 };
        for (let line = 1; line <= total; line++) {
          // From a fifth to nine fifths of the mean; the load changes after an eighth.
          nowMs += (20 + 160 * next()) * (line > total / 8 ? slowdown : 1);
          rate.note(line);
          if (line === total / 2) told = { atMs: nowMs, seconds: rate.secondsLeft(total) ?? 0 };
        }
        expect(Math.abs((told.seconds * 1000) / (nowMs - told.atMs) - 1)).toBeLessThan(1 / 3);
      }),
      { numRuns: 50 },
    );
  });

  it("is that of before until enough is known, and unknown without", () => {
    let nowMs = 0;
    const unknown = createRate(0, undefined, () => nowMs);
    expect([unknown.perSecond(), unknown.secondsLeft(5)]).toEqual([undefined, undefined]);
    const rate = createRate(100, 5, () => nowMs);
    rate.began(100);
    expect([rate.perSecond(), rate.secondsLeft(150)]).toEqual([5, 10]);
    nowMs = 1_000;
    rate.note(110);
    expect(rate.perSecond()).toBe(10);
  });
});
