import { hash, randomBytes } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { packAnswer, unpackAnswer } from "../../../src/cache/entry.ts";
import { readRecord, writeRecord } from "../../../src/cache/second-level/record.ts";
import type { StoredEntry } from "../../../src/cache/store.ts";
import type { Sought } from "../../../src/cache/tier.ts";
import type { GenerationEvent } from "../../../src/generation/event.ts";
import { greedy, saying } from "../support.ts";

const LABEL = { model: "one", scope: "tenant:a" };

function entryOf(events: readonly GenerationEvent[], key = "key"): StoredEntry {
  const bytes = packAnswer(events.map((event) => ({ event, afterMs: 3 })));
  return { ...LABEL, key, storedMs: 1_000, freshMs: 60_000, bytes };
}

function soughtFor(key = "key", choices = 1): Sought {
  return { key, label: LABEL, request: greedy({ choices }) };
}

async function written(entry: StoredEntry): Promise<Buffer> {
  const record = await writeRecord(entry);
  if (record === undefined) throw new Error("It was too long.");
  return record;
}

/** A record that says `rest`, with the digest that belongs to it. */
function forged(rest: string): Buffer {
  const head = Buffer.of(1, 0);
  return Buffer.concat([head, hash("sha256", Buffer.concat([head, Buffer.from(rest)]), "buffer"), Buffer.from(rest)]);
}

const text = fc.string({ unit: "binary", maxLength: 30 });
const probability = fc.double({ max: 0, noNaN: true });
const told = { token: fc.nat(100_000), bytes: fc.array(fc.nat(255), { maxLength: 4 }), logprob: probability };
const token = fc.record(told, { requiredKeys: ["bytes", "logprob"] });
const sampled = fc.record(
  { ...told, top: fc.array(token, { maxLength: 3 }) },
  { requiredKeys: ["bytes", "logprob", "top"] },
);

const piece: fc.Arbitrary<GenerationEvent> = fc.oneof(
  fc.record({ type: fc.constant("text" as const), choice: fc.constant(0), text }),
  fc.record({
    type: fc.constant("text" as const),
    choice: fc.constant(0),
    text,
    logprobs: fc.array(sampled, { minLength: 1, maxLength: 3 }),
  }),
  fc.record({ type: fc.constant("reasoning" as const), choice: fc.constant(0), text }),
  fc.record({ type: fc.constant("refusal" as const), choice: fc.constant(0), text }),
  fc.record({ type: fc.constant("toolCall" as const), choice: fc.constant(0), index: fc.nat(3), id: text, name: text }),
  fc.record({ type: fc.constant("toolArguments" as const), choice: fc.constant(0), index: fc.nat(3), text }),
);

const answer = fc
  .tuple(fc.nat(10_000), fc.array(piece, { maxLength: 40 }), fc.nat(1_000), fc.boolean())
  .map(([promptTokens, pieces, completionTokens, isLate]): GenerationEvent[] =>
    isLate
      ? [
          { type: "started" },
          ...pieces,
          { type: "finished", choice: 0, reason: "content_filter" },
          { type: "usage", promptTokens, cachedTokens: 0, completionTokens },
        ]
      : [
          { type: "started", promptTokens, cachedTokens: 0 },
          ...pieces,
          { type: "finished", choice: 0, reason: "stop", completionTokens },
        ],
  );

describe("a record", () => {
  it("returns every answer unchanged", async () => {
    await fc.assert(
      fc.asyncProperty(answer, async (events) => {
        const entry = entryOf(events);
        const read = await readRecord(await written(entry), soughtFor());
        expect(read).toEqual(entry);
        expect(unpackAnswer(read?.bytes ?? Buffer.alloc(0))).toEqual(unpackAnswer(entry.bytes));
      }),
    );
  });

  it("is rejected with any byte changed, missing or added", async () => {
    await fc.assert(
      fc.asyncProperty(answer, fc.nat(), fc.integer({ min: 1, max: 255 }), async (events, place, change) => {
        const record = await written(entryOf(events));
        const changed = Buffer.from(record);
        const at = place % record.length;
        changed.writeUInt8((changed[at] ?? 0) ^ change, at);
        expect(await readRecord(changed, soughtFor())).toBeUndefined();
        expect(await readRecord(record.subarray(0, at), soughtFor())).toBeUndefined();
        expect(await readRecord(Buffer.concat([record, Buffer.of(change)]), soughtFor())).toBeUndefined();
      }),
    );
  });

  it("is rejected if it is anything else", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array(), fc.json(), fc.json(), async (bytes, known, packed) => {
        expect(await readRecord(Buffer.from(bytes), soughtFor())).toBeUndefined();
        expect(await readRecord(forged(`${known}\n${packed}`), soughtFor())).toBeUndefined();
        const honest = JSON.stringify({ key: "key", storedMs: 1, freshMs: 1 });
        expect(await readRecord(forged(`${honest}\n${packed}`), soughtFor())).toBeUndefined();
      }),
    );
  });

  it("is rejected under another key or for another number of choices", async () => {
    const record = await written(entryOf(saying("Hi")));
    expect(await readRecord(record, soughtFor())).toBeDefined();
    expect(await readRecord(record, soughtFor("another"))).toBeUndefined();
    expect(await readRecord(record, soughtFor("key", 2))).toBeUndefined();
  });

  it.each([
    ["does not begin", saying("Hi").slice(1)],
    ["does not end", saying("Hi").slice(0, -1)],
    ["begins twice", [...saying("Hi").slice(0, 1), ...saying("Hi")]],
    ["goes on after its end", [...saying("Hi"), ...saying("Hi").slice(1, 2)]],
  ])("is rejected if it %s", async (_, events) => {
    expect(await readRecord(await written(entryOf(events)), soughtFor())).toBeUndefined();
  });

  it("is smaller than the answer", async () => {
    const entry = entryOf(saying(...Array.from({ length: 500 }, (_, index) => ` word${index % 50}`)));
    expect((await written(entry)).length).toBeLessThan(entry.bytes.length / 2);
  });

  it("isn't written for an answer that is too long to send", async () => {
    const noise = randomBytes(2 ** 21).toString("base64");
    expect(await writeRecord(entryOf(saying(noise)))).toBeUndefined();
    expect(await writeRecord(entryOf(saying("a".repeat(2 ** 25))))).toBeUndefined();
  });
});
