import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createOffsets } from "../../src/items/offsets.ts";

describe("the offsets of a partition", () => {
  it("never say of an item that is not done that reading may go on behind it, and say so of all that are", async () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.nat(60), { minLength: 1, maxLength: 30 }),
        fc.infiniteStream(fc.nat(1_000)),
        (given, choices) => {
          const offsets = createOffsets();
          const all = given.toSorted((a, b) => a - b).map(BigInt);
          for (const offset of all) expect(offsets.begin(offset)).toBe(true);
          const open = [...all];
          while (open.length > 0) {
            const [done] = open.splice((choices.next().value ?? 0) % open.length, 1);
            offsets.finish(done ?? -1n);
            const first = open[0];
            const before = all.filter((offset) => first === undefined || offset < first);
            expect(offsets.position()).toBe(before.length === 0 ? undefined : (before.at(-1) ?? 0n) + 1n);
            expect(offsets.size()).toBe(first === undefined ? 0 : all.length - before.length);
          }
        },
      ),
    );
  });

  it("begin nothing again that is being done, or is done", () => {
    const offsets = createOffsets();
    for (const offset of [4n, 5n, 9n]) offsets.begin(offset);
    offsets.finish(5n);
    expect([4n, 5n, 9n].map(offsets.begin)).toEqual([false, false, false]);
    offsets.finish(4n);
    expect([4n, 5n, 9n, 10n].map(offsets.begin)).toEqual([false, false, false, true]);
    expect(offsets.position()).toBe(6n);
  });
});
