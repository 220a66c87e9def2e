import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { packAnswer, type TimedEvent, unpackAnswer } from "../../src/cache/entry.ts";
import { createAnswerStore, ENTRY_OVERHEAD_BYTES } from "../../src/cache/store.ts";
import { FINISH_REASONS, type GenerationEvent } from "../../src/generation/event.ts";
import { saying } from "./support.ts";

const LABEL = { model: "one", scope: "tenant:a" };
const text = fc.string({ unit: "binary", maxLength: 20 });
const small = fc.nat(5);
const token = fc.record(
  {
    token: fc.nat(),
    bytes: fc.array(fc.nat(255), { maxLength: 4 }),
    logprob: fc
      .oneof(fc.double({ noNaN: true, max: 0 }), fc.constant(Number.NEGATIVE_INFINITY))
      .map((value) => value + 0),
  },
  { requiredKeys: ["bytes", "logprob"] },
);
const sampled = fc.tuple(token, fc.array(token, { maxLength: 3 })).map(([own, top]) => ({ ...own, top }));

const event: fc.Arbitrary<GenerationEvent> = fc.oneof(
  fc.record(
    { type: fc.constant("text" as const), choice: small, text, logprobs: fc.array(sampled, { maxLength: 2 }) },
    { requiredKeys: ["type", "choice", "text"] },
  ),
  fc.record({ type: fc.constant("reasoning" as const), choice: small, text }),
  fc.record({ type: fc.constant("refusal" as const), choice: small, text }),
  fc
    .record(
      {
        type: fc.constant("usage" as const),
        promptTokens: fc.nat(),
        completionTokens: fc.nat(),
        reasoningTokens: fc.nat(),
      },
      { requiredKeys: ["type", "promptTokens", "completionTokens"] },
    )
    // A later request takes none of the prompt's.
    .map((usage) => ({ ...usage, cachedTokens: usage.promptTokens })),
  fc.record({ type: fc.constant("toolCall" as const), choice: small, index: small, id: text, name: text }),
  fc.record({ type: fc.constant("toolArguments" as const), choice: small, index: small, text }),
  fc.record(
    {
      type: fc.constant("finished" as const),
      choice: small,
      reason: fc.constantFrom(...FINISH_REASONS),
      completionTokens: fc.nat(),
      reasoningTokens: fc.nat(),
      stopString: text,
    },
    { requiredKeys: ["type", "choice", "reason"] },
  ),
);

const timed = fc.record({ event, afterMs: fc.nat(10_000) });

function answer(...texts: readonly string[]): TimedEvent[] {
  return saying(...texts).map((each) => ({ event: each, afterMs: 1 }));
}

/** The events, with those that go on with the one before put together. */
function joinPieces(events: readonly TimedEvent[]): GenerationEvent[] {
  const joined: GenerationEvent[] = [];
  for (const { event } of events) {
    const before = joined.at(-1);
    const isPlain =
      event.type === "text" || event.type === "reasoning" || event.type === "refusal" || event.type === "toolArguments";
    const whole = before && "text" in before && isPlain ? { ...event, text: before.text + event.text } : undefined;
    const goesOn =
      whole !== undefined && !("logprobs" in whole) && isDeepStrictEqual({ ...before, text: whole.text }, whole);
    if (goesOn) joined.splice(-1, 1, whole);
    else joined.push(event);
  }
  return joined;
}

describe("a packed answer", () => {
  it("unpacks to the same answer, bit for bit", () => {
    fc.assert(
      fc.property(fc.array(timed, { maxLength: 20 }), (events) => {
        expect(unpackAnswer(packAnswer(events))).toEqual(events);
      }),
    );
  });

  it("has the same text if its pieces are joined", () => {
    fc.assert(
      fc.property(fc.array(timed, { maxLength: 20 }), (events) => {
        const joined = unpackAnswer(packAnswer(events), { isJoined: true });
        expect(joinPieces(joined)).toEqual(joinPieces(events));
        expect(joined.length).toBe(joinPieces(events).length);
      }),
    );
  });

  it("takes little more than its text", () => {
    const texts = Array.from({ length: 100 }, () => " word");
    expect(packAnswer(answer(...texts)).length).toBeLessThan(100 * 11);
  });

  it("has a buffer of its own", () => {
    const bytes = packAnswer(answer("Hi"));
    expect(bytes.buffer.byteLength).toBe(bytes.length);
  });
});

describe("createAnswerStore", () => {
  it("keeps each answer fresh for its time, less at most a tenth", () => {
    const seconds = fc.option(fc.integer({ min: 1, max: 31_536_000 }), { nil: undefined });
    fc.assert(
      fc.property(seconds, fc.double({ min: 0, max: 0.999, noNaN: true }), (freshSeconds, chance) => {
        const store = createAnswerStore({ maxBytes: 10_000, ttlMs: 5_000, now: () => 1, random: () => chance });
        store.put("a", answer("Hi"), LABEL, freshSeconds);
        const freshMs = store.get("a")?.freshMs ?? 0;
        const longestMs = freshSeconds === undefined ? 5_000 : freshSeconds * 1_000;
        expect(freshMs).toBeLessThanOrEqual(longestMs);
        expect(freshMs).toBeGreaterThan(longestMs * 0.9 - 1);
      }),
    );
  });

  it("removes the answers that match all given fields, and no others", () => {
    const label = fc.record(
      { model: fc.constantFrom("m", "n"), scope: fc.constantFrom("a", "b"), preset: fc.constantFrom("p", "q") },
      { requiredKeys: ["model", "scope"] },
    );
    const which = fc.record(
      { model: fc.constantFrom("m", "n"), scope: fc.constantFrom("a", "b"), preset: fc.constantFrom("p", "q") },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(fc.array(label, { maxLength: 12 }), which, (labels, asked) => {
        const store = createAnswerStore({ maxBytes: 100_000, ttlMs: 5_000, now: () => 1 });
        for (const [index, each] of labels.entries()) store.put(String(index), answer("Hi"), each);
        const hasAll = (each: object) =>
          Object.entries(asked).every(([key, value]) => Reflect.get(each, key) === value);
        expect(store.clear(asked)).toBe(labels.filter(hasAll).length);
        expect([...store.entries()].some(hasAll)).toBe(false);
        expect(store.size().entries).toBe(labels.filter((each) => !hasAll(each)).length);
      }),
    );
  });

  it("never exceeds its bytes, and counts every one of them", () => {
    const operation = fc.record({
      key: fc.constantFrom("a", "b", "c", "d", "e"),
      length: fc.nat(3_000),
      isRead: fc.boolean(),
    });
    fc.assert(
      fc.property(
        fc.array(operation, { maxLength: 60 }),
        fc.integer({ min: 1, max: 20_000 }),
        (operations, maxBytes) => {
          const store = createAnswerStore({ maxBytes, ttlMs: 1_000, now: () => 1 });
          const sizes = new Map<string, number>();
          for (const { key, length, isRead } of operations) {
            if (isRead) {
              store.get(key);
            } else {
              const events = answer("x".repeat(length));
              const size = packAnswer(events).length + ENTRY_OVERHEAD_BYTES;
              expect(store.put(key, events, LABEL)).toBe(size <= Math.floor(maxBytes / 8));
              sizes.set(key, size);
            }
            const kept = [...sizes.keys()].filter((each) => store.get(each) !== undefined);
            const bytes = kept.reduce((sum, each) => sum + (sizes.get(each) ?? 0), 0);
            expect(store.size()).toEqual({ entries: kept.length, bytes });
            expect(bytes).toBeLessThanOrEqual(maxBytes);
          }
        },
      ),
    );
  });

  it("keeps the most recently used answers", () => {
    const size = packAnswer(answer("x".repeat(500))).length + ENTRY_OVERHEAD_BYTES;
    const store = createAnswerStore({ maxBytes: size * 8, ttlMs: 1_000, now: () => 1 });
    const put = (key: string) => store.put(key, answer("x".repeat(500)), LABEL);
    for (let count = 0; count < 8; count++) put(`${count}`);
    store.get("0");
    put("8");
    expect(store.get("0")).toBeDefined();
    expect(store.get("1")).toBeUndefined();
  });

  it("lets answers stored together expire one by one, and forgets expired ones, used or not", () => {
    let ms = 1;
    const draws = [0, 1];
    const store = createAnswerStore({
      maxBytes: 100_000,
      ttlMs: 1_000_000,
      now: () => ms,
      random: () => draws.shift() ?? 0,
    });
    for (const key of ["a", "b"]) store.put(key, answer("Hi"), LABEL);
    expect(store.get("a")?.freshMs).toBe(1_000_000);
    expect(store.get("b")?.freshMs).toBe(900_000);
    ms += 1_900_000;
    store.put("c", answer("Hi"), LABEL);
    expect(store.size().entries).toBe(2);
    ms += 200_000;
    expect(store.get("a")).toBeUndefined();
  });

  it("removes answers by model and by scope", () => {
    const store = createAnswerStore({ maxBytes: 100_000, ttlMs: 1_000 });
    store.put("a", answer("Hi"), { model: "one", scope: "public" });
    store.put("b", answer("Hi"), { model: "two", scope: "public" });
    store.put("c", answer("Hi"), { model: "two", scope: "tenant:a" });
    expect(store.clear({ model: "two", scope: "public" })).toBe(1);
    expect(store.clear({ model: "one" })).toBe(1);
    expect(store.clear()).toBe(1);
    expect(store.size()).toEqual({ entries: 0, bytes: 0 });
  });
});
